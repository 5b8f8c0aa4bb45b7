/**
 * @file Reads a data set through and says what is in it and what is wrong, with the file and how to fix it. Never throws over data.
 */

import type { DataSet } from '../types.ts';
import { checkImages } from './images.ts';
import type { CheckOptions, ImageReport } from './parts.ts';
import { checkVolumes, type VolumeReport } from './volumes.ts';

/** What a check found; `rank` is 2 for images, 3 for volumes. */
export type DataReport = ImageReport | VolumeReport;

/** Checks a data set; open it with `allowUnpaired` to have unpaired files listed here. */
export async function checkDataSet(dataset: DataSet, options: CheckOptions = {}): Promise<DataReport> {
  return dataset.rank === 2 ? checkImages(dataset, options) : checkVolumes(dataset, options);
}
