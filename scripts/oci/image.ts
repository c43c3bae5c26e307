/**
 * An image as the OCI image format specification (v1.1) has it: a manifest that names a configuration and
 * layers, each by the digest of its bytes.
 */

import { gzip } from "./gzip.ts";
import { writeTar } from "./tar.ts";
import { sortEntries, type TreeEntry } from "./tree.ts";

const TYPES = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/** One layer before it is packed. */
export interface Layer {
  /** What it holds, for the image's history. */
  readonly comment: string;
  readonly entries: readonly TreeEntry[];
}

/** What a container of the image is started with. */
export interface RunConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal: string;
}

export interface ImageSource {
  /** As Go names it: "linux/amd64". */
  readonly platform: string;
  readonly created: Date;
  readonly config: RunConfig;
  readonly layers: readonly Layer[];
}

/** Bytes by their digest, and what they are. */
export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

export interface Image {
  readonly platform: string;
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

export async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return `sha256:${hash.toHex()}`;
}

export async function makeImage(source: ImageSource): Promise<Image> {
  const layers: Blob[] = [];
  const diffIds: string[] = [];
  for (const { entries } of source.layers) {
    const archive = writeTar(sortEntries(entries));
    diffIds.push(await sha256(archive));
    layers.push(await blobOf(TYPES.layer, await gzip(archive)));
  }
  const config = await blobOf(TYPES.config, encodeJson(describeConfig(source, diffIds)));
  const manifest = await blobOf(
    TYPES.manifest,
    encodeJson({
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      config: descriptorOf(config),
      layers: layers.map(descriptorOf),
    }),
  );
  return { platform: source.platform, manifest, config, layers };
}

function describeConfig(
  { platform, created, config, layers }: ImageSource,
  diffIds: readonly string[],
): unknown {
  const time = created.toISOString().replace(".000Z", "Z");
  return {
    created: time,
    ...platformOf(platform),
    config,
    rootfs: { type: "layers", diff_ids: diffIds },
    history: layers.map(({ comment }) => ({ created: time, created_by: "scripts/image", comment })),
  };
}

async function blobOf(mediaType: string, data: Uint8Array<ArrayBuffer>): Promise<Blob> {
  return { mediaType, digest: await sha256(data), data };
}

/** How a document of the image names a blob. */
export function descriptorOf({ mediaType, digest, data }: Blob): {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
} {
  return { mediaType, digest, size: data.length };
}

export function platformOf(platform: string): {
  readonly architecture: string;
  readonly os: string;
} {
  const [os = "", architecture = ""] = platform.split("/");
  return { architecture, os };
}

export function encodeJson(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}
