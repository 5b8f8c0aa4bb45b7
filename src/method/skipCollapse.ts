/**
 * @file Skip collapse: gradient search drifts to operators without weights when it runs too long. @paper darts-plus criterion 1, dints section 4
 */

/** One warning when more than half of the decoded operators are skips, else none; `share` is in [0, 1]. */
export const skipWarnings = (share: number): string[] =>
  share > 0.5
    ? [
        `${percent(share)} of the decoded operators are skips: the search may be collapsing; set maximumSkipShare or lower architecture.learningRate`,
      ]
    : [];

/** What to say when a search ends because of its skips. */
export const collapseWarning = (share: number, limit: number): string =>
  `the search ends here: ${percent(share)} of the decoded operators are skips, more than maximumSkipShare (${percent(limit)})`;

const percent = (share: number): string => `${Math.round(100 * share)} %`;
