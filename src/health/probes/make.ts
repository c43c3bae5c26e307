/** The prober of each kind of check. */

import type { CheckRequest } from "../../config/check.ts";
import { dnsProbe } from "./dns.ts";
import { execProbe } from "./exec.ts";
import { fileProbe } from "./file.ts";
import { grpcProbe } from "./grpc.ts";
import { httpProbe } from "./http.ts";
import { icmpProbe } from "./icmp.ts";
import type { Probe } from "./probe.ts";
import { smtpProbe } from "./smtp.ts";
import { tcpProbe } from "./tcp.ts";
import type { ProbeTools } from "./timed.ts";
import { tlsProbe } from "./tls.ts";
import { udpProbe } from "./udp.ts";

export function makeProbe(check: CheckRequest, tools: ProbeTools): Probe {
  switch (check.kind) {
    case "http":
      return httpProbe(check, tools);
    case "tcp":
      return tcpProbe(check, tools);
    case "tls":
      return tlsProbe(check, tools);
    case "udp":
      return udpProbe(check, tools);
    case "icmp":
      return icmpProbe(check, tools);
    case "dns":
      return dnsProbe(check, tools);
    case "smtp":
      return smtpProbe(check, tools);
    case "grpc":
      return grpcProbe(check, tools);
    case "exec":
      return execProbe(check, tools);
    case "file":
      return fileProbe(check, tools);
  }
}
