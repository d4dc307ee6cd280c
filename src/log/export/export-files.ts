// Where files of exports are kept: the bucket, or the folder, that has the blocks of the log.

export type ExportFilesKind = 'r2' | 's3' | 'folder'

/** `key`: where it is, in the bucket or in the folder. */
export type WrittenFile = { key: string; bytes: number }

export interface ExportFiles {
  readonly kind: ExportFilesKind
  /**
   * Writes a file as its content comes, holding no more of it than a part. Its name has parts with `/` between them, as a block's
   * has; where it is kept no block ever is, and so nothing that looks for blocks finds it. It is there as a whole, or not at all: if
   * the content breaks off, or the store does, nothing is left, and that is thrown.
   */
  write(name: string, content: AsyncIterable<Uint8Array>, contentType: string): Promise<WrittenFile>
}
