/**
 * @file What `data.json` of a run folder holds: the data set as the run saw it at its start. Types only, so that the dashboard can import them
 * in a browser.
 */

/** The data of a run. */
export interface DataFile {
  readonly name: string;
  readonly layout: string;
  /** Number of spatial axes. */
  readonly rank: 2 | 3;
  /** Of an image; runs made before it was stored have none. */
  readonly channels?: number;
  readonly classes: readonly {
    readonly name: string;
    readonly colour: readonly [red: number, green: number, blue: number];
  }[];
  /** Where networks find regions, sets of classes by their ids. */
  readonly regions?: readonly {
    readonly name: string;
    readonly colour: readonly [red: number, green: number, blue: number];
    readonly classes: readonly number[];
  }[];
  /** Samples of each split. */
  readonly samples: { readonly train: number; readonly val: number };
  /** What a look at some of the images found; absent for volumes, of which it would be too few. */
  readonly report?: DataGlance;
}

/** What a look at some images found; shares are of the pixels of the split train. */
export interface DataGlance {
  /** Samples listed, and read. */
  readonly counts: Readonly<Record<'train' | 'val', { readonly listed: number; readonly read: number }>>;
  /** Of images, the most frequent first. */
  readonly sizes?: readonly { readonly width: number; readonly height: number; readonly count: number }[];
  /** By class; ignored pixels count in the whole. */
  readonly classShares: readonly number[];
  readonly ignoredShare: number;
  readonly problems: readonly {
    readonly severity: 'error' | 'warning';
    readonly file: string;
    readonly message: string;
    readonly fix: string;
    /** Further files of which the same is true. */
    readonly others?: readonly string[];
  }[];
}
