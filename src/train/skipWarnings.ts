/**
 * @file Skip collapse: gradient search drifts to operators without weights when it goes on too long. @paper dints section 4, auto-deeplab section 4.2
 */

/** One warning when more than half of the decoded operators are skips, else none; `share` is in [0, 1]. */
export const skipWarnings = (share: number): string[] =>
  share > 0.5
    ? [
        `${Math.round(100 * share)} % of the decoded operators are skips: the search may be collapsing; stop earlier or lower architecture.learningRate`,
      ]
    : [];
