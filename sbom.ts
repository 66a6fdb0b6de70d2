import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import type { Metafile } from 'esbuild';

type PackageJson = Contrib.FromNodePackageJson.Types.NodePackageJson;

/** Only what SPDX knows by an id: an expression, or words, would have to be read by a person first. */
const licences = new Contrib.License.Factories.LicenseFactory((expression) => {
  throw new RangeError(`${expression} is no SPDX id`);
});
const components = new Contrib.FromNodePackageJson.Builders.ComponentBuilder(
  new Contrib.FromNodePackageJson.Factories.ExternalReferenceFactory(),
  licences,
);

/**
 * The software bill of materials of the function's bundle: the packages that have bytes in it by esbuild's
 * account, and which of them imports which. Without serial number and time, so that the same bundle has the same one.
 * @param root the folder of the project, to which the metafile's paths are relative
 * @returns CycloneDX 1.6 as JSON: https://cyclonedx.org/docs/1.6/json/
 */
export function billOfMaterials(root: string, metafile: Metafile, bundle: Uint8Array): string {
  const bom = new Models.Bom();
  const helper = component(root, '', Enums.ComponentType.Application);
  helper.hashes.set(Enums.HashAlgorithm['SHA-256'], createHash('sha256').update(bundle).digest('hex'));
  bom.metadata.component = helper;

  const inputs = bundledInputs(metafile);
  const folders = new Set([...inputs].map(packageFolder));
  const byFolder = new Map([...folders].map((folder) => [folder, folder ? component(root, folder) : helper]));
  for (const [folder, one] of byFolder) if (folder) bom.components.add(one);
  for (const input of inputs) {
    const from = byFolder.get(packageFolder(input));
    for (const { path } of metafile.inputs[input]?.imports ?? []) {
      const to = byFolder.get(packageFolder(path));
      if (from && to && from !== to) from.dependencies.add(to.bomRef);
    }
  }
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return new Serialize.JsonSerializer(factory).serialize(bom, { sortLists: true, space: 2 });
}

/** The files of which something is left in the bundle. */
export function bundledInputs({ outputs }: Metafile): Set<string> {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  return new Set(inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path));
}

/** The folder of the package that a file belongs to; '' for our own. */
export function packageFolder(path: string): string {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? '';
}

function component(root: string, folder: string, type = Enums.ComponentType.Library): Models.Component {
  const about = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as PackageJson;
  const made = components.makeComponent(about, type);
  if (!made) throw new Error(`${folder}/package.json has no name`);
  const path = [made.group, made.name].flatMap((part) => (part ? [encodeURIComponent(part)] : [])).join('/');
  made.purl = `pkg:npm/${path}@${made.version}`;
  made.bomRef.value = made.purl;
  // where they are developed is not what they are made of, and differs from mirror to mirror
  made.externalReferences.clear();
  return made;
}
