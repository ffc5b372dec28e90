#!/usr/bin/env bash
# A small internet of network namespaces. Needs root, iproute2, nftables, conntrack, gcc and miniupnpd.
#
#   lab.sh up | down | nat A|B|C VARIANT | wan DELAY_MS JITTER_MS LOSS_PERCENT | flush A|B | line A|B up|down | move A
#
# LAB is the prefix of all names, so that labs can stand side by side. Nothing outside these namespaces is touched.
#
#   vps 5.10.0.10   vps2 45.20.0.10            (relays)
#          \         /
#            inet  -- a line with delay, jitter and loss
#          /         \
#   natA 23.50.0.2    natB 31.60.0.2    natC 62.70.0.2
#    |       |          |                 |
#  homeA   homeA2     homeB             homeC      192.168.10.2, 192.168.10.3, 192.168.20.2, 192.168.30.2
#
# The addresses are not of a documentation range: libp2p takes those for private.
set -eu
LAB=${LAB:?a prefix for the names of namespaces}
DIR=${DIR:?a folder for the line program and its pid}
ALL='inet vps vps2 natA natB natC homeA homeA2 homeB homeC'

in_ns() { ip netns exec "$LAB-$1" "${@:2}"; }

# Sets one of the kernel's network settings: namespace, path below /proc/sys/net, value.
setting() { in_ns "$1" sh -c "echo $3 >/proc/sys/net/$2"; }

# Joins a namespace to the internet: name, the internet's address, its own address.
join() {
  ip link add "i-$1" netns "$LAB-inet" type veth peer name wan netns "$LAB-$1"
  ip -n "$LAB-inet" addr add "$2/24" dev "i-$1"
  ip -n "$LAB-inet" link set "i-$1" up
  ip -n "$LAB-$1" addr add "$3/24" dev wan
  ip -n "$LAB-$1" link set wan up
  ip -n "$LAB-$1" route add default via "$2"
}

# Puts a home behind a router's LAN: router, the LAN's subnet, home, host number.
house() {
  ip link add "l-$3" netns "$LAB-$1" type veth peer name eth netns "$LAB-$3"
  ip -n "$LAB-$1" link set "l-$3" master lan up
  ip -n "$LAB-$3" addr add "$2.$4/24" dev eth
  ip -n "$LAB-$3" link set eth up
  ip -n "$LAB-$3" route add default via "$2.1"
}

up() {
  for name in $ALL; do
    ip netns add "$LAB-$name"
    ip -n "$LAB-$name" link set lo up
    setting "$name" ipv4/conf/all/rp_filter 0
    setting "$name" ipv4/conf/default/rp_filter 0
    setting "$name" ipv6/conf/all/disable_ipv6 1
  done
  for name in inet natA natB natC; do setting "$name" ipv4/ip_forward 1; done
  join vps 5.10.0.1 5.10.0.10
  join vps2 45.20.0.1 45.20.0.10
  join natA 23.50.0.1 23.50.0.2
  join natB 31.60.0.1 31.60.0.2
  join natC 62.70.0.1 62.70.0.2
  ip -n "$LAB-inet" route add 23.50.1.0/24 via 23.50.0.2
  # Providers drop what is private, and say nothing.
  ip -n "$LAB-inet" route add blackhole 192.168.0.0/16
  for side in A:192.168.10 B:192.168.20 C:192.168.30; do
    ip -n "$LAB-nat${side%:*}" link add lan type bridge
    ip -n "$LAB-nat${side%:*}" addr add "${side#*:}.1/24" dev lan
    ip -n "$LAB-nat${side%:*}" link set lan up
  done
  house natA 192.168.10 homeA 2
  house natA 192.168.10 homeA2 3
  house natB 192.168.20 homeB 2
  house natC 192.168.30 homeC 2
  nat A cone
  nat B cone
  nat C cone
}

# Sets what a router does. All of them let nobody in who was not asked, but for `fullcone`.
#   cone         keeps ports, filters by address and port, drops strays in silence
#   reject       the same, and answers strays with RST or ICMP
#   fullcone     lets anybody in at the mapped port
#   symmetric    a new random port for each destination
#   public       no NAT, a public address, inbound blocked (A only)
#   udpblocked   no UDP at all
#   tcp443       TCP to port 443 and nothing else
#   upnp         symmetric, and forwards ports when asked by UPnP (A only)
#   upnpbroken   the same, but what it forwards is dropped on its way, as behind a provider's own NAT (A only)
#   ipv6         symmetric for IPv4; IPv6 without NAT, inbound blocked
#   ipv6tcp      the same, but no UDP at all
nat() {
  local router=nat$1 variant=$2 host extra='' dnat='' jump='' chains=''
  local masquerade='meta nfproto ipv4 oifname "wan" masquerade' stray='iifname "wan" ct state new drop' forward='iifname "wan" ct state new drop'
  no_upnp "$1"
  no_ipv6 "$1"
  case $1 in A) host=192.168.10.2 ;; B) host=192.168.20.2 ;; *) host=192.168.30.2 ;; esac
  if [ "$1" = A ]; then
    ip -n "$LAB-homeA" addr del 23.50.1.2/24 dev eth 2>/dev/null || true
    ip -n "$LAB-natA" addr del 23.50.1.1/24 dev lan 2>/dev/null || true
    ip -n "$LAB-homeA" route replace default via 192.168.10.1
  fi
  case $variant in
    cone) ;;
    reject) stray='' ;;
    fullcone) dnat='iifname "wan" meta l4proto {tcp,udp} dnat ip to '$host; forward='' ;;
    symmetric) masquerade='meta nfproto ipv4 oifname "wan" masquerade fully-random' ;;
    public)
      masquerade=''
      ip -n "$LAB-natA" addr add 23.50.1.1/24 dev lan
      ip -n "$LAB-homeA" addr add 23.50.1.2/24 dev eth
      ip -n "$LAB-homeA" route replace default via 23.50.1.1 src 23.50.1.2
      ;;
    udpblocked) extra='oifname "wan" meta l4proto udp drop' ;;
    tcp443) extra='oifname "wan" meta l4proto udp drop; oifname "wan" tcp dport != 443 drop' ;;
    upnp | upnpbroken)
      masquerade='meta nfproto ipv4 oifname "wan" masquerade fully-random'
      dnat='jump prerouting_miniupnpd'
      chains='chain prerouting_miniupnpd {}; chain postrouting_miniupnpd {}; chain miniupnpd {};'
      jump='jump miniupnpd'
      [ "$variant" = upnpbroken ] && extra='iifname "wan" ct state new drop'
      ;;
    ipv6 | ipv6tcp)
      masquerade='meta nfproto ipv4 oifname "wan" masquerade fully-random'
      [ "$variant" = ipv6tcp ] && extra='oifname "wan" meta l4proto udp drop'
      with_ipv6 "$1"
      ;;
    *) echo "unknown variant $variant" >&2; return 2 ;;
  esac
  in_ns "$router" nft -f - <<RULES
flush ruleset
table inet filter {
  $chains
  chain pren { type nat hook prerouting priority -100; $dnat; }
  chain postn { type nat hook postrouting priority 100; $masquerade; }
  chain inpf {
    type filter hook input priority 0; ct state established,related accept; ip6 nexthdr icmpv6 accept; $stray;
  }
  chain forw {
    type filter hook forward priority 0; $extra; ct state established,related accept; $jump; $forward;
  }
}
RULES
  in_ns "$router" conntrack -F >/dev/null 2>&1
  case $variant in upnp*) upnp "$1" ;; esac
}

# Runs the router's UPnP service, which needs the chains of its variant.
upnp() {
  cat >"$DIR/upnp$1.conf" <<CONF
ext_ifname=wan
listening_ip=lan
enable_upnp=yes
enable_natpmp=no
secure_mode=yes
uuid=5bd5f3a4-0d35-4d1b-93c9-6f1b1c2d3e4f
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 192.168.0.0/16 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
CONF
  in_ns "nat$1" miniupnpd -f "$DIR/upnp$1.conf" -P "$DIR/upnp$1.pid"
}

no_upnp() {
  [ -f "$DIR/upnp$1.pid" ] || return 0
  kill "$(cat "$DIR/upnp$1.pid")" 2>/dev/null || true
  rm -f "$DIR/upnp$1.pid"
}

# Gives a home and its router global IPv6 addresses beside those of IPv4.
with_ipv6() {
  local home=home$1 net name
  net=2a01:4f$([ "$1" = A ] && echo 8 || echo 9)
  for name in inet "nat$1" "$home"; do
    setting "$name" ipv6/conf/all/disable_ipv6 0
    setting "$name" ipv6/conf/all/accept_dad 0
    setting "$name" ipv6/conf/default/accept_dad 0
  done
  for name in inet "nat$1"; do setting "$name" ipv6/conf/all/forwarding 1; done
  ip -n "$LAB-inet" addr add "$net:ffff::1/64" dev "i-nat$1" nodad
  ip -n "$LAB-nat$1" addr add "$net:ffff::2/64" dev wan nodad
  ip -n "$LAB-nat$1" -6 route replace default via "$net:ffff::1"
  ip -n "$LAB-nat$1" addr add "$net::1/64" dev lan nodad
  ip -n "$LAB-$home" addr add "$net::2/64" dev eth nodad
  ip -n "$LAB-$home" -6 route replace default via "$net::1"
  ip -n "$LAB-inet" -6 route replace "$net::/64" via "$net:ffff::2"
}

# Takes IPv6 away again; the addresses and routes go with it.
no_ipv6() {
  setting "nat$1" ipv6/conf/all/disable_ipv6 1
  setting "home$1" ipv6/conf/all/disable_ipv6 1
  ip -n "$LAB-inet" -6 addr flush dev "i-nat$1" scope global 2>/dev/null || true
}

# Sends all that crosses the internet over a line with delay, jitter and loss: many kernels have no netem.
wan() {
  ip -n "$LAB-inet" tuntap add dev wan0 mode tun
  ip -n "$LAB-inet" link set wan0 up txqueuelen 5000
  ip netns exec "$LAB-inet" "$DIR/wan" wan0 "$1" "$2" "$3" </dev/null >/dev/null 2>&1 &
  echo $! >"$DIR/wan.pid"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    ip -n "$LAB-inet" link show wan0 | grep -q LOWER_UP && break
    sleep 0.1
  done
  ip -n "$LAB-inet" route replace default dev wan0 table 100
  for name in vps vps2 natA natB natC; do ip -n "$LAB-inet" rule add iif "i-$name" lookup 100; done
  setting inet ipv6/conf/all/disable_ipv6 0
  ip -n "$LAB-inet" -6 route replace default dev wan0 table 100
  for name in natA natB; do ip -n "$LAB-inet" -6 rule add iif "i-$name" lookup 100; done
}

# Gives the homes of A another public address, as a provider does over night.
move() {
  ip -n "$LAB-nat$1" addr add 23.50.0.77/24 dev wan
  ip -n "$LAB-nat$1" addr del 23.50.0.2/24 dev wan
  ip -n "$LAB-nat$1" addr add 23.50.0.77/24 dev wan 2>/dev/null || true
  ip -n "$LAB-nat$1" route replace default via 23.50.0.1
  in_ns "nat$1" conntrack -F >/dev/null 2>&1
}

down() {
  no_upnp A
  no_upnp B
  if [ -f "$DIR/wan.pid" ]; then kill "$(cat "$DIR/wan.pid")" 2>/dev/null || true; fi
  for name in $ALL; do ip netns del "$LAB-$name" 2>/dev/null || true; done
}

case ${1:-} in
  up) up ;;
  down) down ;;
  nat) nat "$2" "$3" ;;
  wan) wan "$2" "$3" "$4" ;;
  flush) in_ns "nat$2" conntrack -F >/dev/null 2>&1 ;;
  line) ip -n "$LAB-inet" link set "i-nat$2" "$3" ;;
  move) move "$2" ;;
  *) sed -n 2,6p "$0" >&2; exit 2 ;;
esac
