/**
 * @file Groups by a regular expression of a stranger: some take longer than anybody waits on a name of thirty letters, so that matching is stopped.
 */
import { createContext, runInContext } from 'node:vm';
import { DataError } from '../../base/errors.ts';

/** For all names of a data set; a hundred thousand take a tenth of a second. */
const MOST_MILLISECONDS = 5000;

/** The groups of ids, in their order. */
export type GroupsOf = (ids: readonly string[]) => readonly string[];

/**
 * Groups by a pattern: what its first parentheses hold, or all that it matches; an id without a match is a group of its own. `file` is named in errors.
 * @throws DataError for what is no regular expression; the function that is returned, where matching takes too long.
 */
export function groupsBy(pattern: string, file: string): GroupsOf {
  const advice = 'such as groups: "^(.+)_frame" for one group a video';
  let matcher: RegExp;
  try {
    matcher = new RegExp(pattern, 'u');
  } catch (error) {
    throw new DataError(`${file}: \`groups\` is no regular expression (${(error as Error).message})`, advice);
  }
  const groupOf = (id: string): string => {
    const match = matcher.exec(id);
    return match === null ? id : (match[1] ?? match[0]);
  };
  return (ids) => {
    try {
      // A context of its own is what Node can stop; the expression is an object here and no code in it.
      const context = createContext({ match: () => ids.map(groupOf) });
      return runInContext('match()', context, { timeout: MOST_MILLISECONDS }) as string[];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new DataError(
        `${file}: \`groups\` takes more than ${MOST_MILLISECONDS / 1000} seconds on ${ids.length} names, got ${JSON.stringify(pattern.slice(0, 60))}`,
        `write it without nested repeats, ${advice}`,
      );
    }
  };
}
