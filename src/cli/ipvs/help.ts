export const IPVS_HELP = `Usage: lvscare ipvs COMMAND …
       lvscare ipvs IPVSADM-OPTIONS…

Shows and changes the kernel's table of virtual services. Command lines of ipvsadm work unchanged;
the commands below say the same in words. What they change is changed at once and not watched:
services that lvscare keeps are put back as its configuration wants them.

Services and servers:
  list [SERVICE]                     show the table, or one service
  add service SERVICE                add a service
  edit service SERVICE               change what is given of a service, keep the rest
  delete service SERVICE             remove a service with its servers
  add server SERVICE SERVER          add a server to a service
  edit server SERVICE SERVER         change what is given of a server, keep the rest
  delete server SERVICE SERVER       remove a server

  SERVICE is "tcp ADDRESS:PORT", "udp ADDRESS:PORT", "sctp ADDRESS:PORT" or "mark NUMBER" (for
  IPv6 with --ipv6). SERVER is ADDRESS[:PORT]. IPv6 addresses stand in brackets:
  [2001:db8::1]:80. A port may be a name of /etc/services.

Whole table:
  save                               print all rules; ipvsadm -R reads them too
  restore [FILE]                     do what FILE or standard input says; lines are checked before
  clear [--yes]                      remove all services, those of others too
  zero [SERVICE]                     set counters to zero

Connections:
  connections                        list the kernel's connections
  timeout [TCP TCPFIN UDP]           show or set timeouts, in seconds; 0 keeps one
  daemon list                        show the connection synchronisation daemons
  daemon start master|backup         start one
  daemon stop master|backup          stop one

Options of list:
  --stats | --rate                   counters, or what they are a second
  --thresholds | --persistent-conn   thresholds of servers, or their persistent connections
  --tunnels                          how tunnels are made
  --exact                            counters in full, not in thousands and millions
  --no-sort                          in the kernel's order
  -n, --numeric                      numbers, not names
  -o, --output json|text             also of connections, timeout and daemon list

Options of services:
  -s, --scheduler NAME               rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf (wlc)
  -b, --flags FLAG,…                 sh-fallback, sh-port, mh-fallback, mh-port, flag-1 to flag-3
  -p, --persistent [SECONDS]         a client stays at its server (360 where no number is given)
  -M, --netmask MASK|LENGTH          what counts as one client (its whole address)
      --engine NAME                  persistence engine: sip
      --one-packet                   every packet is a connection (UDP)
  Of edit service: --no-persistent, --no-flags and --no-one-packet.

Options of servers:
  -w, --weight NUMBER                share of connections; 0 lets it finish and gets nothing new (1)
      --forward METHOD               direct, masquerade or tunnel (direct)
      --upper NUMBER                 connections above which it gets no new one (0: no limit)
      --lower NUMBER                 connections below which it gets some again
      --tunnel ipip|gue|gre          kind of tunnel (ipip)
      --tunnel-port NUMBER           port of a gue tunnel
      --tunnel-checksum KIND         none, checksum or remote (none)

Options of daemon start:
      --interface NAME               where it speaks (eth0)
      --id NUMBER                    0 to 255 (0)
      --group ADDRESS, --port NUMBER, --ttl NUMBER, --max-length BYTES

Examples:
  lvscare ipvs add service tcp 10.0.0.1:80 --scheduler wrr --persistent 300
  lvscare ipvs add server tcp 10.0.0.1:80 10.1.0.1:8080 --forward masquerade --weight 3
  lvscare ipvs edit server tcp 10.0.0.1:80 10.1.0.1:8080 --weight 0
  lvscare ipvs list --stats -n
  lvscare ipvs list -o json
  lvscare ipvs save >rules
  lvscare ipvs -A -t 10.0.0.1:80 -s rr
  lvscare ipvs -Ln
`;
