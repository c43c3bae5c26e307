/** Images as files: what carries them to engines and registries. */

import { UsageError } from "../../src/errors.ts";
import { type Blob, descriptorOf, encodeJson, type Image, platformOf } from "./image.ts";
import { sortEntries, type TreeEntry } from "./tree.ts";

/** The name under which engines shall know an image. */
export interface ImageName {
  /** "lvscare", "registry.example:5000/balancers/lvscare". */
  readonly name: string;
  readonly tag: string;
}

/** The registry and folder of names that say none. */
const DEFAULT_REGISTRY = "docker.io";
const DEFAULT_FOLDER = "library";

/** The grammar of the distribution specification and of engines: a registry, maybe, and lower-case words. */
const WORD = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^(?:[a-zA-Z0-9.-]+(?::\\d+)?/)?${WORD}(?:/${WORD})*$`);
const TAG = /^\w[\w.-]{0,127}$/;

export function checkImageName({ name, tag }: ImageName): void {
  if (!NAME.test(name) || name.length > 255) {
    throw new UsageError(`--name "${name}": must be a name as lvscare or registry.example/lvscare`);
  }
  if (!TAG.test(tag)) {
    throw new UsageError(`--tag "${tag}": must be at most 128 letters, digits, ".", "_" and "-"`);
  }
}

/** The name with everything that engines put in where it is left out. */
export function wholeName({ name, tag }: ImageName): string {
  const [first = "", ...others] = name.split("/");
  const isRegistry = others.length > 0 && (/[.:]/.test(first) || first === "localhost");
  if (isRegistry) return `${name}:${tag}`;
  const folder = others.length === 0 ? `${DEFAULT_FOLDER}/` : "";
  return `${DEFAULT_REGISTRY}/${folder}${name}:${tag}`;
}

/** An image layout of the OCI image format specification (v1.1), which skopeo, umoci and others take. */
export function layoutEntries(image: Image, imageName: ImageName): readonly TreeEntry[] {
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{
      ...descriptorOf(image.manifest),
      platform: platformOf(image.platform),
      annotations: {
        // The specification's says what to call it within this layout; containerd and podman want it whole.
        "io.containerd.image.name": wholeName(imageName),
        "org.opencontainers.image.ref.name": imageName.tag,
      },
    }],
  };
  const blobs = [image.manifest, image.config, ...image.layers];
  return sortEntries([
    file("oci-layout", encodeJson({ imageLayoutVersion: "1.0.0" })),
    file("index.json", encodeJson(index)),
    folder("blobs"),
    folder("blobs/sha256"),
    ...blobs.map((blob) => file(blobPath(blob), blob.data)),
  ]);
}

/**
 * What `docker save` writes as of version 25: an image layout, and a manifest.json which says to older ones, and
 * to whatever else reads docker-archive, where in it configuration and layers lie.
 */
export function archiveEntries(image: Image, imageName: ImageName): readonly TreeEntry[] {
  const manifest = [{
    Config: blobPath(image.config),
    RepoTags: [`${imageName.name}:${imageName.tag}`],
    Layers: image.layers.map(blobPath),
  }];
  return sortEntries([
    ...layoutEntries(image, imageName),
    file("manifest.json", encodeJson(manifest)),
  ]);
}

function blobPath({ digest }: Blob): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function file(name: string, data: Uint8Array<ArrayBuffer>): TreeEntry {
  return { name, mode: 0o644, data };
}

function folder(name: string): TreeEntry {
  return { name, mode: 0o755 };
}
