/**
 * @file Every command of `espalier`, in the order of the help: what the command line runs and what the reference of the documents lists.
 */
import { autoCommand } from './auto.ts';
import type { Command } from './command.ts';
import { compareCommand } from './compare.ts';
import { dataCommand } from './data.ts';
import { decodeCommand } from './decode.ts';
import { demoCommand } from './demo.ts';
import { evaluateCommand } from './evaluate.ts';
import { exportCommand } from './export.ts';
import { infoCommand } from './info.ts';
import { launchCommand } from './launch.ts';
import { measureCommand } from './measure.ts';
import { mlflowCommand } from './mlflow.ts';
import { predictCommand } from './predict.ts';
import { searchCommand } from './search.ts';
import { setupCommand } from './setup.ts';
import { trainCommand } from './train.ts';
import { uiCommand } from './ui.ts';

/** All commands. */
export const COMMANDS: readonly Command[] = [
  demoCommand,
  autoCommand,
  dataCommand,
  searchCommand,
  decodeCommand,
  trainCommand,
  evaluateCommand,
  compareCommand,
  predictCommand,
  exportCommand,
  infoCommand,
  measureCommand,
  launchCommand,
  uiCommand,
  mlflowCommand,
  setupCommand,
];
