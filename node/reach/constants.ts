/** How often a probe is sent to each address tried, in milliseconds. */
export const PROBE_INTERVAL_MS = 40

/** Sockets opened in addition by the side with the symmetric mapping: with 2,048 probes of the other, a hit is all but certain. */
export const EXTRA_SOCKETS = 255

/** Every how many intervals each extra socket sends: once a second. */
export const EXTRA_EVERY = 25

/** Random ports probed in each interval by the side with the stable mapping. */
export const PORTS_PER_INTERVAL = 20

/** Time to live of probes that only have to open this side's own NAT. */
export const LOW_TTL = 3

/** The usual time to live. */
export const USUAL_TTL = 64

/** A path without a packet from the peer for so long is given up, in milliseconds: QUIC sends at least every 5 s. */
export const IDLE_PATH_MS = 30_000

/** Buffers of a socket that carries QUIC, in bytes: a burst must not overflow them while the event loop is busy. */
export const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024

/** Longest wait for STUN over UDP, in milliseconds; where UDP is blocked all of it is lost. */
export const STUN_UDP_TIMEOUT_MS = 1000

/** When a binding request over UDP is repeated, in milliseconds. */
export const STUN_RETRY_MS = 250

/** Longest wait for STUN over TCP, in milliseconds. */
export const STUN_TCP_TIMEOUT_MS = 2500

/** Attempts that this node begins at once. */
export const MAX_INITIATED = 2

/** Attempts of others that this node takes part in at once; each may open 256 sockets. */
export const MAX_ANSWERED = 4

/** Attempts of one peer that this node takes part in within a minute: who names the addresses of others scans slowly. */
export const MAX_ANSWERED_A_MINUTE = 4

/** First pause after a failure with a peer, doubled each time, in milliseconds. */
export const FIRST_PAUSE_MS = 60_000

/** Longest pause, in milliseconds. */
export const LONGEST_PAUSE_MS = 3_600_000

/** Longest wait for a peer to be reached at an address that it has just told, in milliseconds. */
export const DIRECT_TIMEOUT_MS = 5000
