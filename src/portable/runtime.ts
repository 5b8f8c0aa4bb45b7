/**
 * @file Loads onnxruntime-node, which is optional. Apart from `node.ts`, so that types of the package do not need its types.
 */
import { EngineError } from '../base/errors.ts';

/** onnxruntime-node. @throws EngineError when it is not installed. */
export async function loadRuntime(): Promise<typeof import('onnxruntime-node')> {
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    throw new EngineError(
      `onnxruntime-node does not load (${(error as Error).message})`,
      'run: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node   (skip: without the download of CUDA libraries, which are not needed)',
    );
  }
}
