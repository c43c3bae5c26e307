/** `lvscare generate`: what an installation is made of, as text. */

import { type Command, Option } from "@commander-js/extra-typings";
import { buildInfo } from "../build_info.ts";
import { ConfigProblems } from "../care/problems.ts";
import { careServices } from "../config/care_services.ts";
import type { Config } from "../config/config.ts";
import { loadFiles, MAIN_NAME, PARTS_NAME } from "../config/files/load.ts";
import { isKeepalived, PLAIN_READ, readFiles } from "../config/files/read.ts";
import { Report } from "../config/files/report.ts";
import { quote } from "../config/given.ts";
import { normalizeFlags } from "../config/pflag.ts";
import { didYouMean } from "../config/values.ts";
import { NOTHING_OWNED } from "../desired/owned.ts";
import { surroundingsOf } from "../desired/surroundings.ts";
import { LvscareError, SyscallError, UsageError } from "../errors.ts";
import { type Artifact, isGenerated } from "../generate/artifact.ts";
import { COMPOSE_FLAGS, printCompose, readCompose } from "../generate/compose.ts";
import {
  type ConfigFile,
  DAEMONSET_FLAGS,
  EXAMPLE_FILE,
  printDaemonSet,
  readDaemonSet,
} from "../generate/daemonset.ts";
import { printExampleConfig } from "../generate/example_config.ts";
import { Flags, type GenerateFlag, readPath } from "../generate/flags.ts";
import { KUBE_PROXY_FLAGS, printKubeProxy, readKubeProxy } from "../generate/kube_proxy.ts";
import { ANY_NEEDS, type Needs, needsOf, PLAIN_NEEDS } from "../generate/needs.ts";
import { schemaFile } from "../generate/schema.ts";
import { setImage } from "../generate/set_image.ts";
import {
  newImage,
  readStaticPod,
  STATIC_POD_FLAGS,
  staticPod,
  staticPodPath,
} from "../generate/static_pod.ts";
import { type Job, readSystemd, SYSTEMD_FLAGS, systemdFiles } from "../generate/systemd.ts";
import { type Address, parseAddress } from "../model/address.ts";
import { replaceFile } from "../state/atomic_file.ts";
import { errnoOf } from "../state/failure.ts";
import { errnoMeaning, errnoNumber } from "../sys/errno.ts";
import type { CliContext } from "./program.ts";

interface GenerateCommand {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly GenerateFlag[];
  readonly examples: readonly string[];
  make(flags: Flags, context: CliContext): Promise<Product> | Product;
}

/** What was made, and where to. */
interface Product {
  readonly files: readonly Artifact[];
  /** Each is written to its own path; without it they are printed. */
  readonly isWritten?: boolean;
  /** Others' files may be changed, as only what was asked for is changed in them. */
  readonly isEdit?: boolean;
}

const COMMANDS: readonly GenerateCommand[] = [
  {
    name: "static-pod",
    description: "write the static pod that runs lvscare care on a Kubernetes node",
    flags: STATIC_POD_FLAGS,
    examples: [
      "lvscare generate static-pod --masters 192.168.0.2,192.168.0.3 --print",
      "lvscare generate static-pod --masters 192.168.0.2 --options --mode=link --output pod.yaml",
      "lvscare generate static-pod --set-img --image registry.example/lvscare:2.0",
    ],
    make: makeStaticPod,
  },
  {
    name: "daemonset",
    description: "print a DaemonSet of lvscare run, and the ConfigMap of its files",
    flags: DAEMONSET_FLAGS,
    examples: ["lvscare generate daemonset -c /etc/lvscare | kubectl apply --server-side -f -"],
    make: makeDaemonSet,
  },
  {
    name: "kube-proxy",
    description: "print what keeps kube-proxy off our virtual servers",
    flags: KUBE_PROXY_FLAGS,
    examples: [
      "lvscare generate kube-proxy --vip 10.103.97.2",
      "kubectl -n kube-system get configmap kube-proxy -o yaml |\n" +
      "    lvscare generate kube-proxy --vip 10.103.97.2 --as patch --from - --output patch.yaml",
    ],
    make: makeKubeProxy,
  },
  {
    name: "systemd",
    description: "print the unit of systemd for lvscare run, or for lvscare care",
    flags: SYSTEMD_FLAGS,
    examples: [
      "lvscare generate systemd --output /etc/systemd/system/lvscare.service",
      "lvscare generate systemd --drop-ins --output /",
      'lvscare generate systemd --care "--vs 10.103.97.12:6443 --rs 192.168.0.2:6443 --mode link"',
    ],
    make: makeSystemd,
  },
  {
    name: "compose",
    description: "print a file of docker compose for lvscare run, or for lvscare care",
    flags: COMPOSE_FLAGS,
    examples: ["lvscare generate compose -c /etc/lvscare --output compose.yaml"],
    make: makeCompose,
  },
  {
    name: "config",
    description: "print a configuration of lvscare run to begin with, with all keys and their help",
    flags: [],
    examples: ["lvscare generate config --output /etc/lvscare/lvscare.yaml"],
    make: () => ({ files: [{ text: printExampleConfig() }] }),
  },
  {
    name: "schema",
    description: "print the JSON Schema of the files of lvscare run",
    flags: [],
    examples: ["lvscare generate schema --output lvscare.schema.json"],
    make: () => ({ files: [schemaFile()] }),
  },
];

const OUTPUT_FLAGS = [
  {
    name: "output",
    short: "o",
    kind: "value",
    value: "file",
    help: "write it to this file instead of printing it",
  },
  {
    name: "force",
    kind: "switch",
    help: "replace a file too that was not generated",
  },
] as const satisfies readonly GenerateFlag[];

export function addGenerate(program: Command, context: CliContext): void {
  const parent: Command = program.command("generate");
  parent.description("print manifests, units and configurations, or write them to files")
    .allowExcessArguments() // refused below, with better words
    .action(() => {
      const [word] = parent.args;
      const names = COMMANDS.map(({ name }) => name);
      const must = `must be one of ${names.join(", ")}`;
      if (word === undefined) throw new UsageError(`what to generate is missing: ${must}`);
      const meant = didYouMean(word, names);
      throw new UsageError(`generate ${quote(word)}: ${must}`, meant ? { hint: meant } : {});
    });
  for (const command of COMMANDS) addOne(parent, command, context);
}

function addOne(
  parent: Command,
  { name, description, flags: own, examples, make }: GenerateCommand,
  context: CliContext,
): void {
  const known = [...own, ...OUTPUT_FLAGS];
  const command: Command = parent.command(name);
  command.description(description)
    .allowExcessArguments(false)
    .configureHelp({
      optionTerm: ({ flags }) => flags.replace(SWITCH_VALUE, ""),
      optionDescription: ({ description }) => description,
    })
    .addHelpText("after", `\nExamples:\n${examples.map((each) => `  ${each}\n`).join("")}`);
  for (const flag of known) command.addOption(toOption(flag));
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (words) => parse(normalizeFlags(words, known));
  command.action(async () => {
    const flags = new Flags(known, givenTexts(command));
    try {
      deliver(await make(flags, context), flags, context);
    } catch (error) {
      if (!(error instanceof ConfigProblems)) throw error;
      for (const line of error.lines) context.output.err(`${line}\n`);
      context.setStatus(error.exitStatus);
    }
  });
}

/** Commander gives switches a value only where they may have one; people need not see that. */
const SWITCH_VALUE = " [value]";

function toOption({ name, short, kind, value, initial, choices, help }: GenerateFlag): Option {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const option = new Option(
    `${names}${kind === "switch" ? SWITCH_VALUE : ` <${value}>`}`,
    initial === undefined ? help : `${help} (default: ${initial})`,
  );
  // For completions only: readChoice() judges.
  if (choices) option.argChoices = [...choices];
  return option.argParser(gather);
}

/** All values of one flag: which of them count is said where they are read. */
function gather(value: string, previous: unknown): string[] {
  return Array.isArray(previous) ? [...previous, value] : [value];
}

function givenTexts(command: Command): Map<string, readonly string[]> {
  const texts = new Map<string, readonly string[]>();
  for (const option of command.options) {
    const values: unknown = command.getOptionValue(option.attributeName());
    if (Array.isArray(values)) texts.set(option.name(), values);
  }
  return texts;
}

function ownImage(): string {
  return `lvscare:${buildInfo().version}`;
}

async function makeStaticPod(flags: Flags, { host }: CliContext): Promise<Product> {
  const isPrinted = flags.isOn("print") || flags.isGiven("output");
  if (flags.isOn("print") && flags.isGiven("output")) {
    throw new UsageError("--output: means nothing with --print");
  }
  const image = ownImage();
  if (flags.isOn("set-img")) {
    const path = staticPodPath(flags);
    const wanted = newImage(flags, { image });
    const text = setImage(readText(path), path, wanted);
    return { files: [{ path, text }], isWritten: !isPrinted, isEdit: true };
  }
  const hosts = await host.care.readHosts().catch(() => "");
  const pod = readStaticPod(flags, { image, hosts });
  const file = staticPod(flags, pod, needsFor(careServices(pod.care)));
  return { files: [file], isWritten: !isPrinted };
}

async function makeDaemonSet(flags: Flags, context: CliContext): Promise<Product> {
  const options = readDaemonSet(flags, ownImage());
  const given = flags.one("config");
  if (!given) {
    return { files: [{ text: printDaemonSet(options, [EXAMPLE_FILE], PLAIN_NEEDS) }] };
  }
  const path = readPath(given);
  const config = await readConfig(path, context);
  const files = await configFiles(path, context);
  return { files: [{ text: printDaemonSet(options, files, needsFor(config)) }] };
}

async function makeKubeProxy(flags: Flags, context: CliContext): Promise<Product> {
  const given = flags.one("config");
  const config = given && await readConfig(readPath(given), context);
  const order = readKubeProxy(flags, config ? addressesOf(config) : []);
  const from = order.from === undefined ? undefined : await readInput(order.from, context);
  return { files: [printKubeProxy(order, from)] };
}

function makeSystemd(flags: Flags): Product {
  const systemd = readSystemd(flags);
  const files = systemdFiles(systemd, needsOfJob(systemd.job));
  const root = flags.one("output");
  if (!systemd.hasDropIns || !root) return { files };
  const under = readPath(root).replace(/\/+$/, "");
  return {
    files: files.map((file) => ({ ...file, path: `${under}${file.path}` })),
    isWritten: true,
  };
}

function makeCompose(flags: Flags): Product {
  const compose = readCompose(flags, ownImage());
  return { files: [{ text: printCompose(compose, needsOfJob(compose.job)) }] };
}

/** Whatever stands in the files, for they are read when they may have changed. */
function needsOfJob(job: Job): Needs {
  return job.kind === "run" ? ANY_NEEDS : needsFor(careServices(job.config));
}

function needsFor(config: Config): Needs {
  // Which rules are made changes nothing of the parameters.
  const means = { kind: "kernel", rules: "nftables" } as const;
  const { sysctls } = surroundingsOf(config, { means, owned: NOTHING_OWNED, leaving: [] });
  const isProxy = config.host.dataplane === "embedded";
  return needsOf(config, isProxy ? [] : Object.keys(sysctls));
}

/** Addresses of a node that is not known yet: each has its own from Kubernetes. */
const ANY_NODE = ["192.0.2.1", "2001:db8::1"].map((text) => parseAddress(text)!);

async function readConfig(path: string, { host }: CliContext): Promise<Config> {
  const keepalived = { ...PLAIN_READ, env: host.care.env };
  const { config, report } = await readFiles({ path, nodeAddresses: ANY_NODE, keepalived });
  if (!config) throw new ConfigProblems(report);
  return config;
}

/** The files as text, by their names in a directory. */
async function configFiles(path: string, { host }: CliContext): Promise<ConfigFile[]> {
  if (isKeepalived(path)) {
    const { text, report } = host.services.convert(path, PLAIN_READ);
    if (!report.isEmpty) throw new ConfigProblems(report);
    return [{ name: MAIN_NAME, text }];
  }
  const report = new Report();
  const files = await loadFiles(path, report);
  if (!report.isEmpty) throw new ConfigProblems(report);
  return files.map(({ path, text, isMain }) => ({
    name: isMain ? MAIN_NAME : `${PARTS_NAME}/${path.slice(path.lastIndexOf("/") + 1)}`,
    text,
  }));
}

function addressesOf({ services }: Config): Address[] {
  return services.map(({ service: { key } }) => key)
    .flatMap((key) => key.kind === "address" ? [key.address] : []);
}

async function readInput(path: string, { host }: CliContext): Promise<string> {
  return path === "-" ? await host.readStdin() : readText(path);
}

function deliver({ files, isWritten, isEdit }: Product, flags: Flags, context: CliContext): void {
  const say = (text: string) => context.output.out(text);
  const mayReplace = flags.isOn("force") || isEdit === true;
  const [first, ...more] = files;
  if (isWritten) {
    for (const file of files) say(writeArtifact(file.path!, file, mayReplace, true));
  } else if (flags.isGiven("output")) {
    const path = readPath(flags.one("output")!);
    say(writeArtifact(path, first!, flags.isOn("force"), false));
  } else if (more.length === 0) say(first!.text);
  else say(files.map(({ path, text }) => `# ${path}\n${text}`).join("\n"));
}

/** Says what became of the file. */
function writeArtifact(
  path: string,
  { text, mark }: Artifact,
  mayReplace: boolean,
  makesFolders: boolean,
): string {
  const slash = path.lastIndexOf("/");
  const folder = slash < 0 ? "." : path.slice(0, slash) || "/";
  return attempt("write", path, () => {
    const old = existing(path);
    if (old?.text === text) return `${path} is as it should be\n`;
    if (old && !mayReplace && !isGenerated(old.text, mark)) {
      throw new LvscareError(`write ${quote(path)}: the file there was not generated`, {
        op: "write",
        subject: path,
        hint: "--force replaces it",
      });
    }
    if (makesFolders) Deno.mkdirSync(folder, { recursive: true });
    replaceFile(folder, path.slice(slash + 1), new TextEncoder().encode(text));
    if (old) Deno.chmodSync(path, old.mode);
    return `wrote ${path}\n`;
  });
}

interface Existing {
  readonly text: string;
  readonly mode: number;
}

function existing(path: string): Existing | undefined {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  if (!info.isFile) {
    throw new LvscareError(`write ${quote(path)}: there is something else, must be a file`);
  }
  return { text: Deno.readTextFileSync(path), mode: (info.mode ?? 0o600) & 0o777 };
}

function readText(path: string): string {
  return attempt("read", path, () => Deno.readTextFileSync(path));
}

/** Says what the host refused, and of which path. */
function attempt<T>(op: string, path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const errno = errnoOf(error);
    const number = errno === undefined ? undefined : errnoNumber(errno);
    if (errno === undefined || number === undefined) throw error;
    const text = `${op} ${quote(path)}: ${errnoMeaning(number)} (${errno})`;
    throw new SyscallError(text, op, errno, { op, subject: path, cause: error });
  }
}
