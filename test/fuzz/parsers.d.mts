/** Types of `parsers.mjs`. */
export interface ParserRow {
  readonly seeds: readonly Buffer[];
  readonly kind?: string;
  readonly proportional?: boolean;
  readonly covers?: readonly string[];
}
export const PARSERS: Readonly<Record<string, ParserRow>>;
