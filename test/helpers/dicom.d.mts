/** A file of one element after another, with a head that states the transfer syntax. */
export function dicom(elements: [tag: number, vr: string, value: string | Buffer][], syntax?: string): Buffer;
/** A slice of 2 x 3 pixels at the height `z`, twelve bits of sixteen in use. */
export function slice(z: number, pixels: number[], syntax?: string): Buffer;
