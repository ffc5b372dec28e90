import { command, type CommandSpec } from './command.ts'

/** The commands for the peers that this node knows, in help order. */
export const PEER_COMMANDS: readonly CommandSpec[] = [
  command({
    name: 'peers',
    description: 'list the known contributors',
    run: async ({ config, output }) => (await import('./commands/status.ts')).peers(config, output)
  }),
  command({
    name: 'peers add',
    description: 'add a peer to join the mesh through',
    argument: {
      name: '<multiaddr>',
      description: 'its address, which ends in /p2p/<peer id>; - reads it from stdin'
    },
    run: async ({ config, output }, address) =>
      (await import('./commands/peers.ts')).addPeer(config, address, output)
  }),
  command({
    name: 'peers remove',
    description: 'remove a peer to join the mesh through',
    argument: { name: '<peer>', description: 'its address or peer id; - reads it from stdin' },
    run: async ({ config, output }, peer) =>
      (await import('./commands/peers.ts')).removePeer(config, peer, output)
  }),
  command({
    name: 'peers sync',
    description: 'fetch the peers of a tracker once, contact them, and add those that answer',
    argument: { name: '<tracker>', description: "the tracker's URL; - reads it from stdin" },
    run: async ({ config, output }, url) =>
      (await import('./commands/peers.ts')).syncPeers(config, url, output)
  }),
  command({
    name: 'peers name',
    description: 'give a peer a name of your own',
    argument: { name: '<peer>', description: "the peer's id; - reads it from stdin" },
    second: {
      name: '<name>',
      description: 'letters, digits, dots, dashes and underscores; - reads it from stdin'
    },
    run: async ({ config, output }, peer, _flags, name) =>
      (await import('./commands/petnames.ts')).namePeer(config, peer, name, output)
  }),
  command({
    name: 'peers unname',
    description: 'drop a name that you gave',
    argument: { name: '<name>', description: 'the name; - reads it from stdin' },
    run: async ({ config, output }, name) =>
      (await import('./commands/petnames.ts')).unnamePeer(config, name, output)
  })
]
