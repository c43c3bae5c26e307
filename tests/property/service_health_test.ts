/** What becomes of services whatever their checks say, operators do, and time brings. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type Message, Notifications } from "../../src/care/notifications.ts";
import type { CheckConfig, ServerConfig, ServiceConfig } from "../../src/config/config.ts";
import { desireService } from "../../src/desired/desire.ts";
import { holdsQuorum, isPanic } from "../../src/desired/quorum.ts";
import type { ProbeResult } from "../../src/health/probes/probe.ts";
import { initialHealth } from "../../src/health/reducer.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import {
  at,
  bad,
  checkConfig,
  ChecksLab,
  configOf,
  good,
  type HealthLab,
  named,
  notifyConfig,
  OK,
  REFUSED,
  serverConfig,
  serviceConfig,
  UNABLE,
  withHealthLab,
} from "../support/health_lab.ts";

/** By its number, as that of servers; no listed one has it. */
const SORRY = 9;
const SECOND_MS = 1000;
const NOW_MS = 1_000_000;

const result: fc.Arbitrary<ProbeResult> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(OK) },
  { weight: 5, arbitrary: fc.constantFrom(REFUSED, bad("status 500")) },
  { weight: 1, arbitrary: fc.constant(UNABLE) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2, 50).map(good) },
);

const check: fc.Arbitrary<Partial<CheckConfig>> = fc.record({
  rise: fc.constantFrom(1, 1, 2, 3),
  fall: fc.constantFrom(1, 1, 2, 3),
  start: fc.constantFrom("up", "up", "proven"),
  unable: fc.constantFrom("fail", "ignore"),
  failedWeight: fc.constantFrom(undefined, undefined, undefined, 0, 3),
});

/** Servers whose checks have names of their own, so that each can be made by itself. */
function serverOf(n: number) {
  return fc.record({
    weight: fc.constantFrom(0, 1, 1, 3, 10, 10, 100, 100),
    whenFailed: fc.constantFrom("step", "remove", "inhibit"),
    need: fc.constantFrom("all", "any"),
    checks: fc.array(check, { minLength: 1, maxLength: 2 }),
  }).map(({ checks, ...rest }): ServerConfig =>
    serverConfig(n, {
      ...rest,
      checks: checks.map((each, i) => checkConfig(`${n}.${i}`, each)),
      notify: [notifyConfig()],
    })
  );
}

const quorum: fc.Arbitrary<ServiceConfig["quorum"]> = fc.record({
  needed: fc.constantFrom(1, 1, 2, 4, 12, 1000),
  part: fc.constantFrom(0, 0.3, 1),
  start: fc.constantFrom("up", "proven"),
}).map(({ needed, part, start }) => ({
  ...{ needed, hysteresis: Math.floor(part * (needed - 1)), without: "keep", start },
}));

/** Who stands in, or how few are too few; never both. */
const helped: fc.Arbitrary<Partial<ServiceConfig>> = fc.oneof(
  fc.record({
    weight: fc.constantFrom(1, 7),
    inhibit: fc.boolean(),
    checks: fc.array(check, { maxLength: 1 }),
  }).map(({ weight, inhibit, checks }) => ({
    sorry: {
      server: serverConfig(SORRY, {
        ...{ weight, notify: [notifyConfig()] },
        checks: checks.map((each) =>
          checkConfig(`${SORRY}.0`, { ...each, failedWeight: undefined })
        ),
      }),
      inhibit,
    },
  })),
  fc.constantFrom(0, 0, 34, 50, 100).map((panicPercent) => ({ panicPercent })),
);

const service: fc.Arbitrary<ServiceConfig> = fc.record({
  servers: fc.integer({ min: 1, max: 4 }).chain((count) =>
    fc.tuple(...Array.from({ length: count }, (_, i) => serverOf(i + 1)))
  ),
  quorum,
  helped,
  keepLast: fc.boolean(),
  slowStartMs: fc.constantFrom(0, 2500, 6000),
  failedDrainMs: fc.constantFrom(0, 2500, 4000, Infinity),
  drainTimeoutMs: fc.constantFrom(0, 3500),
  maintenanceDrainMs: fc.constantFrom(0, 4500, Infinity),
}).map(({ servers, helped, ...rest }) =>
  serviceConfig(1, servers, { ...rest, ...helped, notify: [notifyConfig()] })
);

/** `which` server of those that there are, and of its checks. */
type Event =
  | { readonly kind: "result"; readonly which: number; readonly check: number; result: ProbeResult }
  | { readonly kind: "time"; readonly seconds: number }
  | { readonly kind: "connections"; readonly which: number; readonly active: number }
  | { readonly kind: "operator"; readonly which: number; readonly weight: number }
  | { readonly kind: "reload"; readonly listed: readonly number[]; readonly needed: number }
  | { readonly kind: "restart"; readonly seconds: number };

const which = fc.nat(11);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      ...{ kind: fc.constant("result" as const), which, check: fc.nat(1), result },
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ kind: fc.constant("time" as const), seconds: fc.integer({ min: 1, max: 4 }) },
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ kind: fc.constant("connections" as const), which, active: fc.constantFrom(0, 3, 3) },
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ kind: fc.constant("operator" as const), which, weight: fc.constantFrom(0, 1, 5, 20) },
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ kind: fc.constant("reload" as const), listed: fc.subarray([1, 2, 3, 4]) },
      needed: fc.constantFrom(1, 2, 12),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ kind: fc.constant("restart" as const), seconds: fc.constantFrom(0, 2) },
    }),
  },
);

interface Told {
  readonly check: number;
  readonly result: ProbeResult;
  readonly atMs: number;
}

/** How a server begins: with the program, or where the one before it has left it. */
interface Beginning {
  readonly state: "up" | "draining" | "down";
  readonly checks: readonly boolean[];
  readonly sinceMs: number;
  readonly failedMs: number | undefined;
}

/**
 * A server by all results that it ever had: whatever is asked of it is found by looking back. What a check is
 * was decided by the last row of results that was long enough to decide anything.
 */
class ServerHistory {
  readonly config: ServerConfig;
  readonly #results: Told[] = [];
  readonly #beginning: Beginning;

  constructor(config: ServerConfig, beginning: Beginning) {
    this.config = config;
    this.#beginning = beginning;
  }

  static begin(config: ServerConfig, nowMs: number): ServerHistory {
    const checks = config.checks.map(({ start }) => start === "up");
    const idle = new ServerHistory(config, { state: "up", checks, sinceMs: nowMs, failedMs: 0 });
    const state = config.checks.length === 0 || idle.#isGood(0) ? "up" : "down";
    return new ServerHistory(config, { state, checks, sinceMs: nowMs, failedMs: undefined });
  }

  /** After another start of the program: who was not up is so still, and all its checks have to show. */
  again(nowMs: number, isInUse: boolean): ServerHistory {
    if (this.state === "up") {
      if (!isInUse) return ServerHistory.begin(this.config, nowMs);
      const checks = this.config.checks.map(() => true);
      return new ServerHistory(this.config, {
        ...{ state: "up", checks, sinceMs: nowMs, failedMs: undefined },
      });
    }
    return new ServerHistory(this.config, {
      state: this.state,
      checks: this.config.checks.map(() => false),
      sinceMs: this.#beginning.sinceMs,
      failedMs: this.failedMs,
    });
  }

  add(told: Told): void {
    this.#results.push(told);
  }

  get state(): Beginning["state"] {
    return this.#stateAfter(this.#results.length);
  }

  /** When it left "up". */
  get failedMs(): number | undefined {
    const last = this.#lastUp(this.#results.length);
    return last === undefined ? this.#beginning.failedMs : this.#results[last]?.atMs;
  }

  /** From when on it may keep connections. */
  get outSinceMs(): number {
    return this.failedMs ?? this.#beginning.sinceMs;
  }

  /** When it was back; undefined where it has been up all the time. */
  get backMs(): number | undefined {
    for (let k = this.#results.length; k > 0; k--) {
      if (this.#stateAfter(k - 1) !== "up") return this.#results[k - 1]!.atMs;
    }
    return undefined;
  }

  /** What its checks want it to get. */
  get wantedWeight(): number | undefined {
    const k = this.#results.length;
    if (k === 0 && this.#beginning.state !== "up") return undefined;
    const wanted = this.config.checks.map(({ failedWeight }, j) => {
      if (!this.#isUp(j, k)) return failedWeight;
      const good = this.#resultsOf(j, k).findLast(({ ok }) => ok);
      return good?.ok ? good.weight : undefined;
    }).filter((weight) => weight !== undefined);
    return wanted.length === 0 ? undefined : Math.min(...wanted);
  }

  #resultsOf(check: number, k: number): ProbeResult[] {
    const own = this.#results.slice(0, k).filter((each) => each.check === check);
    return own.map(({ result }) => result).filter((each) => !this.#isIgnored(check, each));
  }

  #isIgnored(check: number, result: ProbeResult): boolean {
    return !result.ok && result.unable === true && this.config.checks[check]!.unable === "ignore";
  }

  #isUp(check: number, k: number): boolean {
    const { rise, fall } = this.config.checks[check]!;
    const results = this.#resultsOf(check, k).map(({ ok }) => ok);
    for (let end = results.length; end > 0; end--) {
      const isRow = (ok: boolean, length: number) =>
        end >= length && results.slice(end - length, end).every((each) => each === ok);
      if (isRow(true, rise)) return true;
      if (isRow(false, fall)) return false;
    }
    return this.#beginning.checks[check]!;
  }

  #isGood(k: number): boolean {
    const { checks, need } = this.config;
    const good = checks.map(({ failedWeight }, j) =>
      failedWeight !== undefined || this.#isUp(j, k)
    );
    return need === "all" ? !good.includes(false) : good.includes(true);
  }

  #stateAfter(k: number): Beginning["state"] {
    if (k === 0) return this.#beginning.state;
    if (this.#isGood(k)) return "up";
    const last = this.#lastUp(k);
    const isFailure = ({ check, result }: Told) => !result.ok && !this.#isIgnored(check, result);
    if (last !== undefined) {
      // The result that follows takes it out of use, and any failure after that takes it out altogether.
      return this.#results.slice(last + 1, k).some(isFailure) ? "down" : "draining";
    }
    if (this.#results.slice(0, k).some(isFailure)) return "down";
    return this.#beginning.state;
  }

  /** After how many results it was up for the last time. */
  #lastUp(k: number): number | undefined {
    for (let m = k; m > 0; m--) if (this.#isGood(m)) return m;
    return this.#beginning.state === "up" ? 0 : undefined;
  }
}

/** What a pass has found. */
interface Pass {
  readonly nowMs: number;
  readonly alive: number;
  readonly total: number;
  readonly quorum: ServiceConfig["quorum"];
  /** How long servers of weight 0, and such as have no business in the table, may stay from then on. */
  readonly drains: ReadonlyMap<number, number>;
}

/** The least and the most that a weight may be. */
type Expected = readonly [least: number, most: number];

/** One service, by all that has happened. */
class ServiceModel {
  config: ServiceConfig;
  readonly servers = new Map<number, ServerHistory>();
  readonly operators = new Map<number, number>();
  readonly connections = new Map<number, number>();
  readonly told: string[] = [];
  /** Those that are in it. */
  table = new Map<number, Expected>();
  readonly #passes: Pass[] = [];

  constructor(config: ServiceConfig, nowMs: number) {
    this.config = config;
    this.reload(config, nowMs);
  }

  /** What stays goes on, and what comes begins, whatever was known of it once. */
  reload(config: ServiceConfig, nowMs: number): void {
    this.config = config;
    const before = new Map(this.servers);
    this.servers.clear();
    for (const each of [...config.servers.values(), ...config.sorry ? [config.sorry.server] : []]) {
      const n = numberOf(each);
      this.servers.set(n, before.get(n) ?? ServerHistory.begin(each, nowMs));
    }
  }

  result(n: number, told: Told): void {
    const server = this.servers.get(n)!;
    const wasUp = server.state === "up";
    server.add(told);
    const isUp = server.state === "up";
    if (isUp !== wasUp) this.told.push(`server-${isUp ? "up" : "down"} ${at(n)}`);
  }

  restart(nowMs: number): void {
    for (const [n, server] of this.servers) {
      const [, weight] = this.table.get(n) ?? [0, 0];
      this.servers.set(n, server.again(nowMs, weight > 0));
    }
  }

  operate(n: number, weight: number): void {
    const configured = this.servers.get(n)!.config.weight;
    if (weight === configured) this.operators.delete(n);
    else this.operators.set(n, weight);
  }

  /** Whether there is a quorum, by the last pass that could decide. */
  get hasQuorum(): boolean {
    for (const { alive, total, quorum: { needed, hysteresis } } of this.#passes.toReversed()) {
      const most = Math.min(needed + hysteresis, total);
      const least = Math.min(needed, total) - hysteresis;
      if (alive > 0 && alive >= most) return true;
      if (alive < 1 || alive < least) return false;
    }
    return this.config.quorum.start === "up";
  }

  pass(nowMs: number): void {
    const { config: { quorum, sorry, panicPercent, keepLast, name, ...config }, servers } = this;
    const listed = [...servers].filter(([n]) => n !== SORRY);
    const weights = new Map(listed.map(([n]) => [n, this.#weight(n)]));
    const inUse = listed.filter(([n]) => weights.get(n) !== 0);
    const healthy = inUse.filter(([, { state }]) => state === "up");
    const sum = (servers: typeof listed) => servers.reduce((sum, [n]) => sum + weights.get(n)!, 0);
    const had = this.hasQuorum;
    const drains = new Map<number, number>();
    this.#passes.push({ nowMs, alive: sum(healthy), total: sum(inUse), quorum, drains });
    const has = this.hasQuorum;
    if (has !== had) this.told.push(`quorum-${has ? "up" : "down"} ${name}`);
    const isReplaced = !has && servers.get(SORRY)?.state === "up";
    const isPanicking = healthy.length < inUse.length &&
      healthy.length / inUse.length < panicPercent / 100;
    for (const [n] of listed) {
      if (weights.get(n) === 0) drains.set(n, nowMs + config.maintenanceDrainMs);
    }
    const isWanted = (n: number) =>
      n === SORRY ? isReplaced || sorry?.inhibit === true : weights.has(n);
    const leaving = [...this.table.keys()].filter((n) => !isWanted(n));
    for (const n of leaving) drains.set(n, nowMs + config.drainTimeoutMs);
    const last = keepLast && !isReplaced && healthy.length === 0
      ? this.#lastFailed(inUse)
      : undefined;
    const next = new Map<number, Expected | undefined>();
    for (const [n, server] of listed) {
      const weight = weights.get(n)!;
      const isUp = server.state === "up";
      if (weight === 0 && (isUp || isPanicking)) {
        next.set(n, nowMs < this.#latestMs(n) ? [0, 0] : undefined);
      } else if (isReplaced && isUp) {
        next.set(n, server.config.whenFailed === "remove" ? undefined : [0, 0]);
      } else if (isUp) next.set(n, this.#started(server, weight, nowMs));
      else if (isPanicking || n === last) next.set(n, [weight, weight]);
      else next.set(n, this.#failed(n, server, nowMs));
    }
    if (isReplaced) next.set(SORRY, [sorry!.server.weight!, sorry!.server.weight!]);
    else if (sorry?.inhibit) next.set(SORRY, [0, 0]);
    for (const n of leaving) {
      if (this.#isBusy(n) && nowMs < this.#latestMs(n)) next.set(n, [0, 0]);
      // One that is gone begins anew, should it come back.
      else drains.delete(n);
    }
    this.table = new Map([...next].filter((each): each is [number, Expected] => !!each[1]));
    for (const n of this.connections.keys()) if (!this.table.has(n)) this.connections.delete(n);
    for (const n of this.operators.keys()) {
      if (!this.table.has(n) && !weights.has(n)) this.operators.delete(n);
    }
  }

  #weight(n: number): number {
    const { wantedWeight, config } = this.servers.get(n)!;
    return this.operators.get(n) ?? wantedWeight ?? config.weight!;
  }

  #isBusy(n: number): boolean {
    return (this.connections.get(n) ?? 0) > 0;
  }

  /** How long it may stay that drains: as every pass has said since it does, and so as the first of them. */
  #latestMs(n: number): number {
    let latest = Infinity;
    for (const { drains } of this.#passes.toReversed()) {
      const own = drains.get(n);
      if (own === undefined || own === Infinity) break;
      latest = Math.min(latest, own);
    }
    return latest;
  }

  /** All of it in the end, and until then within one of what the time that has gone makes of it. */
  #started({ backMs }: ServerHistory, weight: number, nowMs: number): Expected {
    const { slowStartMs } = this.config;
    if (backMs === undefined || nowMs - backMs >= slowStartMs) return [weight, weight];
    const part = weight * ((nowMs - backMs) / slowStartMs);
    return [Math.max(1, Math.ceil(part) - 1), Math.max(1, Math.floor(part + 1e-9))];
  }

  #failed(n: number, { state, config, outSinceMs }: ServerHistory, nowMs: number) {
    if (config.whenFailed === "inhibit") return [0, 0] as const;
    if (config.whenFailed === "step" && state === "draining") return [0, 0] as const;
    const isKept = this.#isBusy(n) && nowMs - outSinceMs < this.config.failedDrainMs;
    return isKept ? [0, 0] as const : undefined;
  }

  #lastFailed(servers: readonly (readonly [number, ServerHistory])[]): number | undefined {
    const failed = servers.filter(([, { failedMs }]) => failedMs !== undefined);
    const times = failed.map(([, { failedMs }]) => failedMs!);
    return failed.findLast(([, { failedMs }]) => failedMs === Math.max(...times))?.[0];
  }
}

function numberOf({ address }: ServerConfig): number {
  return Number(address.split(".").at(-1));
}

function printTold({ event, service, server }: Message): string {
  return `${event} ${server ?? service}`;
}

/** Plays the story to the loop and to the model, and compares after each event. */
async function play(lab: HealthLab, config: ServiceConfig, events: readonly Event[]) {
  const now = () => lab.clock.wallMs();
  const model = new ServiceModel(config, now());
  const compare = (what: unknown) => {
    const weights = lab.weights();
    const words = JSON.stringify([what, weights, [...model.table]]);
    assert.deepEqual(Object.keys(weights).map(Number), [...model.table.keys()].toSorted(), words);
    for (const [n, [least, most]] of model.table) {
      assert.ok(least <= weights[n]! && weights[n]! <= most, words);
    }
    assert.deepEqual(lab.told.splice(0).map(printTold), model.told.splice(0));
    assert.equal(lab.loop.record.services.get(named(1))!.quorum, model.hasQuorum);
  };
  await lab.start(config);
  model.pass(now());
  compare("start");
  for (const event of events) {
    await tellEvent(lab, config, model, event);
    compare(event);
  }
}

async function tellEvent(
  lab: HealthLab,
  whole: ServiceConfig,
  model: ServiceModel,
  event: Event,
): Promise<void> {
  const { clock } = lab;
  const pick = <T>(all: readonly T[], which: number) => all[which % all.length];
  switch (event.kind) {
    case "time":
      for (let second = 0; second < event.seconds; second++) {
        await clock.advance(SECOND_MS);
        model.pass(clock.wallMs());
      }
      return;
    case "restart":
      await lab.stop();
      await clock.advance(event.seconds * SECOND_MS);
      model.restart(clock.wallMs());
      await lab.start(model.config);
      break;
    case "reload": {
      const { servers, quorum } = whole;
      const needed = event.needed;
      const hysteresis = Math.min(quorum.hysteresis, needed - 1);
      const listed = [...servers.values()].filter((each) => event.listed.includes(numberOf(each)));
      const config = {
        ...whole,
        servers: new Map(listed.map((each) => [each.name, each])),
        quorum: { ...quorum, needed, hysteresis },
      };
      model.reload(config, clock.wallMs());
      await lab.reconfigure(config);
      break;
    }
    case "result": {
      const [n, server] = pick([...model.servers], event.which) ?? [];
      const check = pick([...server?.config.checks.keys() ?? []], event.check);
      if (n === undefined || check === undefined) return;
      await lab.probes.report(`${n}.${check}`, n, event.result);
      model.result(n, { check, result: event.result, atMs: clock.wallMs() });
      break;
    }
    case "connections": {
      const n = pick([...model.table.keys()].toSorted(), event.which);
      if (n === undefined) return;
      lab.dataplane.setConnections(at(n), event.active);
      model.connections.set(n, event.active);
      break;
    }
    case "operator": {
      const weights = lab.weights();
      const listed = [...model.servers.keys()].filter((n) => n !== SORRY && n in weights);
      const n = pick(listed, event.which);
      if (n === undefined || weights[n] === event.weight) return;
      model.operate(n, event.weight);
      await lab.operate(n, event.weight);
    }
  }
  await lab.pass();
  model.pass(clock.wallMs());
}

Deno.test("after any results, connections, operators, reloads, restarts and times a service is what its history makes of it", async () => {
  await fc.assert(
    fc.asyncProperty(
      service,
      fc.array(event, { maxLength: 40, size: "max" }),
      async (config, events) => {
        await withHealthLab((lab) => play(lab, config, events));
      },
    ),
    { numRuns: 500 },
  );
});

const strength = fc.record({
  needed: fc.integer({ min: 1, max: 20 }),
  part: fc.double({ min: 0, max: 1, noNaN: true }),
  total: fc.nat(30),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
}).map(({ needed, part, total, share }) => ({
  quorum: {
    ...{ needed, hysteresis: Math.floor(part * (needed - 1)) },
    ...{ without: "keep", start: "up" } as const,
  },
  strength: { alive: Math.round(share * total), total, healthy: 0, wanted: 0 },
}));

Deno.test("a quorum is lost below what is needed, had again above it, and never out of reach", () => {
  fc.assert(
    fc.property(strength, ({ quorum, strength }) => {
      const { needed, hysteresis } = quorum;
      const { alive, total } = strength;
      const keeps = holdsQuorum(true, quorum, strength);
      const gains = holdsQuorum(false, quorum, strength);
      // What is enough to have it again is enough to keep it, and so it does not waver.
      assert.ok(keeps || !gains);
      if (alive === 0) assert.ok(!keeps);
      if (total > 0 && alive === total) assert.ok(gains);
      if (alive > 0 && alive >= needed + hysteresis) assert.ok(gains);
      if (alive > 0 && alive >= needed - hysteresis) assert.ok(keeps);
      if (total >= needed && alive < needed - hysteresis) assert.ok(!keeps);
      if (total >= needed + hysteresis && alive < needed + hysteresis) assert.ok(!gains);
      const more = { ...strength, alive: alive + 1 };
      for (const had of [true, false]) {
        assert.ok(holdsQuorum(had, quorum, more) || !holdsQuorum(had, quorum, strength));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("it is a panic below the percentage of healthy servers, and never otherwise", () => {
  const hosts = fc.nat(60).chain((wanted) =>
    fc.record({ wanted: fc.constant(wanted), healthy: fc.nat(wanted) })
  );
  fc.assert(
    fc.property(fc.nat(100), hosts, (percent, { wanted, healthy }) => {
      // One mark for each hundredth of a server, healthy ones first.
      const marks = Array.from({ length: 100 * wanted }, (_, i) => i < 100 * healthy);
      const least = marks.slice(0, percent * wanted);
      const isPanicking = isPanic(percent, { alive: 0, total: 0, wanted, healthy });
      assert.equal(isPanicking, least.includes(false) && healthy < wanted);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a slow start begins with 1 at least, never goes back, and is all there in its time", () => {
  const story = fc.record({
    weight: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 65_535 })),
    slowStartMs: fc.integer({ min: 1, max: 60_000 }),
    times: fc.array(fc.nat(70_000), { minLength: 2, maxLength: 20 }),
  });
  fc.assert(
    fc.property(story, ({ weight, slowStartMs, times }) => {
      const config = serviceConfig(1, [serverConfig(1, { weight })], { slowStartMs });
      const health = new Map([[at(1), { ...initialHealth(0), recoveredMs: NOW_MS }]]);
      let before = 1;
      for (const ms of times.toSorted((a, b) => a - b)) {
        const { service, isTimed } = desireService(config, {
          ...{ health, weights: new Map(), drains: new Map(), table: [] },
          ...{ hadQuorum: true, nowMs: NOW_MS + ms },
        });
        const [listed] = service.servers;
        assert.ok(listed!.server.weight >= before);
        assert.ok(listed!.server.weight <= weight);
        assert.equal(isTimed, ms < slowStartMs);
        if (!isTimed) assert.equal(listed!.server.weight, weight);
        // No more than its part, nor one that is there and has nothing.
        else assert.ok(listed!.server.weight <= Math.max(1, (weight * ms) / slowStartMs));
        before = listed!.server.weight;
      }
    }),
    { numRuns: 1000 },
  );
});

interface Rhythm {
  readonly config: Partial<CheckConfig> & Required<Pick<CheckConfig, "rise" | "fall" | "start">>;
  readonly intervalMs: number;
  readonly fastIntervalMs: number;
  readonly downIntervalMs: number;
  readonly jitter: number;
}

const rhythm: fc.Arbitrary<Rhythm> = fc.record({
  intervalMs: fc.constantFrom(1000, 1700, 5000),
  fastIntervalMs: fc.constantFrom(300, 1000),
  downIntervalMs: fc.constantFrom(700, 1000, 9000),
  jitter: fc.constantFrom(0, 0.1, 0.5, 1),
  spreadMs: fc.constantFrom(undefined, 0, 600, 9000),
  rise: fc.integer({ min: 1, max: 3 }),
  fall: fc.integer({ min: 1, max: 3 }),
  start: fc.constantFrom("up", "proven"),
}).map((config) => ({ ...config, config }));

/** Looks back over results: is it up, and is the last of them one of a row that is being counted? */
function intervalAfter(results: readonly boolean[], rhythm: Rhythm): number {
  const { config: { rise, fall, start } } = rhythm;
  const marks = results.map((ok) => ok ? "+" : "-").join("");
  const ups = [...marks.matchAll(new RegExp(`(?=(\\+{${rise}}))`, "g"))].at(-1);
  const downs = [...marks.matchAll(new RegExp(`(?=(-{${fall}}))`, "g"))].at(-1);
  const [up, down] = [ups ? ups.index + rise : 0, downs ? downs.index + fall : 0];
  const isUp = up === down ? start === "up" : up > down;
  if (marks.endsWith(isUp ? "-" : "+")) return rhythm.fastIntervalMs;
  return isUp ? rhythm.intervalMs : rhythm.downIntervalMs;
}

Deno.test("checks are made at the interval of the state that they are in, later by jitter and never sooner", async () => {
  const results = fc.array(fc.boolean(), { minLength: 1, maxLength: 12, size: "max" });
  const stories = fc.array(results, { minLength: 1, maxLength: 4, size: "max" });
  await fc.assert(
    fc.asyncProperty(rhythm, stories, fc.infiniteStream(fc.nat(999)), async (...given) => {
      const [rhythm, stories, chances] = given;
      const { intervalMs, jitter, config: { spreadMs = intervalMs } } = rhythm;
      const checks = [checkConfig("ping", rhythm.config)];
      const servers = stories.map((_, i) => serverConfig(i + 1, { checks }));
      const random = Math.random;
      Math.random = () => chances.next().value / 1000;
      try {
        const asks = stories.map((story) => story[Symbol.iterator]());
        const lab = new ChecksLab(configOf([serviceConfig(1, servers)]), (server) => {
          const i = servers.findIndex(({ name }) => name === server);
          let next = asks[i]!.next();
          if (next.done) next = (asks[i] = stories[i]![Symbol.iterator]()).next();
          return next.value ? OK : REFUSED;
        }).start();
        await lab.clock.advance(30_000);
        await lab.checks.stop();
        for (const [i, story] of stories.entries()) {
          const asked = lab.probes.asked.filter(({ server }) => server === at(i + 1));
          let [beatMs, everyMs, isExact] = [(i * spreadMs) / stories.length, intervalMs, true];
          const results: boolean[] = [];
          for (const [k, { atMs }] of asked.entries()) {
            const lateMs = atMs - beatMs;
            const mostMs = isExact ? 0 : jitter * everyMs;
            assert.ok(-0.001 < lateMs && lateMs < mostMs + 0.001, `${k}: ${lateMs} of ${mostMs}`);
            results.push(story[k % story.length]!);
            const nextMs = intervalAfter(results, rhythm);
            // Another interval counts from the check that has called for it.
            isExact = nextMs !== everyMs;
            beatMs = (isExact ? atMs : beatMs) + nextMs;
            everyMs = nextMs;
          }
          assert.ok(beatMs + (isExact ? 0 : jitter * everyMs) > 30_000 - 0.001);
        }
      } finally {
        Math.random = random;
      }
    }),
    { numRuns: 150 },
  );
});

/** Of few servers and checks, so that services often share both. */
function sharingService(n: number): fc.Arbitrary<ServiceConfig> {
  const listed = fc.record({
    number: fc.integer({ min: 1, max: 3 }),
    checks: fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1 }),
    need: fc.constantFrom("all", "any"),
  });
  return fc.uniqueArray(listed, { minLength: 1, maxLength: 3, selector: ({ number }) => number })
    .map((servers) =>
      serviceConfig(
        n,
        servers.map(({ number, checks, need }) =>
          serverConfig(number, { checks: checks.map((name) => SHARED[name]!), need })
        ),
      )
    );
}

const SHARED: Readonly<Record<string, CheckConfig>> = {
  a: checkConfig("a"),
  b: checkConfig("b", { rise: 2, fall: 2 }),
  c: checkConfig("c", { fall: 3, unable: "ignore" }),
};

Deno.test("what services share is checked once, and each is as if it were alone, whoever comes and goes", async () => {
  type Move =
    | { readonly check: string; readonly n: number; readonly result: ProbeResult }
    | { readonly others: readonly ServiceConfig[] };
  const others = fc.tuple(
    fc.option(sharingService(2), { nil: undefined }),
    fc.option(sharingService(3), { nil: undefined }),
  ).map((all) => all.filter((each) => each !== undefined));
  const move: fc.Arbitrary<Move> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        ...{ check: fc.constantFrom("a", "b", "c"), n: fc.integer({ min: 1, max: 3 }), result },
      }),
    },
    { weight: 1, arbitrary: fc.record({ others }) },
  );
  await fc.assert(
    fc.asyncProperty(
      sharingService(1),
      others,
      fc.array(move, { maxLength: 30, size: "max" }),
      async (kept, first, moves) => {
        const alone = new ChecksLab(configOf([kept])).start();
        const together = new ChecksLab(configOf([kept, ...first])).start();
        let services = [kept, ...first];
        const has = (all: readonly ServiceConfig[], check: string, n: number) =>
          all.some(({ servers }) =>
            servers.get(at(n))?.checks.some((each) => each === SHARED[check])
          );
        for (const move of moves) {
          if ("others" in move) {
            services = [kept, ...move.others];
            together.checks.reconfigure(configOf(services));
          } else {
            const { check, n, result } = move;
            const before = together.probes.ends;
            if (has(services, check, n)) await together.report(check, n, result);
            if (has([kept], check, n)) await alone.report(check, n, result);
            assert.equal(together.probes.ends, before + (has(services, check, n) ? 1 : 0));
          }
          assert.deepEqual(
            together.checks.health.get(named(1)),
            alone.checks.health.get(named(1)),
          );
          const told = together.turns.filter((turn) => turn.startsWith(`${named(1)} `));
          assert.deepEqual(told, alone.turns);
        }
        await Promise.all([alone.checks.stop(), together.checks.stop()]);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("of messages eight are told at once, a thousand wait in their order, and what falls out is said once", async () => {
  const move = fc.oneof(
    fc.record({ tell: fc.constantFrom(1, 30, 500, 900) }),
    fc.record({ end: fc.constantFrom(1, 8, 400, 2000), isGood: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 12 }), async (moves) => {
      const begun: string[] = [];
      const running: { resolve(): void; reject(error: unknown): void }[] = [];
      const said: string[] = [];
      const notifications = new Notifications({
        clock: new FakeClock(),
        tell: (_, { service }) => {
          begun.push(service);
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          running.push({ resolve, reject });
          return promise;
        },
        journal: { warn: (text) => said.push(text) },
      });
      let [taken, ended, lost, troubles, isFull] = [[] as string[], 0, 0, 0, false];
      for (const [i, move] of moves.entries()) {
        if ("tell" in move) {
          for (let k = 0; k < move.tell; k++) {
            const name = `${i}.${k}`;
            const config = serviceConfig(1, [], { name, notify: [notifyConfig()] });
            notifications.quorum({ config, hasQuorum: false, isReplaced: false });
            if (taken.length - ended < 1008) taken.push(name);
            else {
              if (!isFull) lost++;
              isFull = true;
            }
          }
        } else {
          for (let k = 0; k < move.end && running.length > 0; k++) {
            const { resolve, reject } = running.shift()!;
            if (move.isGood) resolve();
            else {
              reject(new Error("no"));
              troubles++;
            }
            ended++;
            await settled();
            if (taken.length - ended < 8) isFull = false;
          }
        }
        assert.equal(running.length, Math.min(8, taken.length - ended));
        assert.deepEqual(begun, taken.slice(0, ended + running.length));
        const full = said.filter((text) => text.includes("more than 1000 notifications wait"));
        assert.deepEqual([full.length, said.length], [lost, lost + troubles]);
      }
    }),
    { numRuns: 60 },
  );
});
