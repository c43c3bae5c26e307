/** What a change is called where one speaks of it: by the kernel and in messages. */

import { printEndpoint } from "../model/endpoint.ts";
import { type IpvsChange, printServiceKey } from "../model/ipvs.ts";

/** A request to the kernel, for errors. */
export interface IpvsRequest {
  /** By the kernel's name: "IPVS_CMD_NEW_SERVICE". */
  readonly command: string;
  /** As an operator would name it: "add service". */
  readonly op: string;
  /** What it was done to: "TCP 10.0.0.1:80". */
  readonly subject: string;
  readonly scheduler?: string;
}

const CHANGES: Readonly<Record<IpvsChange["kind"], readonly [command: string, op: string]>> = {
  addService: ["IPVS_CMD_NEW_SERVICE", "add service"],
  editService: ["IPVS_CMD_SET_SERVICE", "edit service"],
  deleteService: ["IPVS_CMD_DEL_SERVICE", "delete service"],
  addServer: ["IPVS_CMD_NEW_DEST", "add server"],
  editServer: ["IPVS_CMD_SET_DEST", "edit server"],
  deleteServer: ["IPVS_CMD_DEL_DEST", "delete server"],
};

export function describeChange(change: IpvsChange): IpvsRequest {
  const [command, op] = CHANGES[change.kind];
  if ("service" in change) {
    const { key, scheduler } = change.service;
    return { command, op, subject: printServiceKey(key), scheduler };
  }
  const service = printServiceKey(change.key);
  const subject = "server" in change ? `${service} -> ${printEndpoint(change.server)}` : service;
  return { command, op, subject };
}
