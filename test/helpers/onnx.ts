import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExportedNetwork, type OnnxOptions, writeOnnx } from '../../src/export/onnx/model.ts';
import { storeTensors } from '../../src/jobs/checkpoint/tensors.ts';
import type { Network } from '../../src/models/network.ts';

/** As the settings of `espalier export` have them. */
export const DEFAULTS: OnnxOptions = {
  size: 'dynamic',
  batch: 'dynamic',
  precision: 'float32',
  normalise: false,
  result: 'logits',
  version: '1.2.3',
};

/** A network with its weights, as the export takes it. */
export const exported = (network: Network, reduction = 1): ExportedNetwork => ({
  graph: network.graph,
  tensors: storeTensors(network.parameters.entries()),
  classes: Array.from({ length: network.graph.classes }, (_, id) => ({
    name: `class ${id}`,
    colour: [id, 2 * id, 255 - id],
  })),
  reduction,
});

export const onnxBytes = (network: Network, options: Partial<OnnxOptions> = {}, reduction = 1): Uint8Array =>
  writeOnnx(exported(network, reduction), { ...DEFAULTS, ...options });

/** A Python with the reference implementation of ONNX (Debian: python3-onnx), or undefined. */
export const python = ['/usr/bin/python3', 'python3'].find(
  (command) => spawnSync(command, ['-c', 'import onnx'], { stdio: 'ignore' }).status === 0,
);

const CHECK = `
import json, sys, onnx
facts = []
for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    shape = lambda value: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    facts.append({
        'ir': model.ir_version, 'opset': model.opset_import[0].version, 'producer': model.producer_name,
        'input': shape(model.graph.input[0]), 'output': shape(inferred.graph.output[0]),
        'operators': [node.op_type for node in model.graph.node],
        'known': len(inferred.graph.value_info), 'nodes': len(model.graph.node),
        'metadata': {entry.key: entry.value for entry in model.metadata_props},
    })
json.dump(facts, sys.stdout)
`;

/** What the reference implementation reads in a model. */
export interface CheckedModel {
  readonly ir: number;
  readonly opset: number;
  readonly producer: string;
  readonly input: (number | string)[];
  readonly output: (number | string)[];
  readonly operators: string[];
  /** Values whose type the shape inference found; every node but the last has one. */
  readonly known: number;
  readonly nodes: number;
  readonly metadata: Record<string, string>;
}

/** Runs the checker and the strict shape inference of ONNX over models; throws with what they say. */
export function checkModels(models: readonly Uint8Array[]): CheckedModel[] {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-onnx-'));
  try {
    const files = models.map((bytes, i) => {
      const file = join(folder, `${i}.onnx`);
      writeFileSync(file, bytes);
      return file;
    });
    const { status, stdout, stderr } = spawnSync(python as string, ['-c', CHECK, ...files], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as CheckedModel[];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
