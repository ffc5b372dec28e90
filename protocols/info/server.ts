import type { Stream } from '@libp2p/interface'
import { FrameStream, encodeJson, streamSignal } from '../framing/index.ts'
import type { SignedRecord } from '../records/index.ts'

/** A source of announcements. */
export interface AnnouncementSource {
  /** The current announcement, then each newer one; ends when the contributor stops. */
  subscribe(signal: AbortSignal): AsyncIterable<SignedRecord>
}

/** Sends announcements to one subscriber until either side ends the stream. */
export async function serveInfo(stream: Stream, source: AnnouncementSource): Promise<void> {
  const frames = new FrameStream(stream)
  // A subscriber sends nothing.
  frames.discard()
  const signal = streamSignal(stream)
  for await (const announcement of source.subscribe(signal)) {
    await frames.write(encodeJson({ type: 'announcement', announcement }), { signal })
  }
  await frames.close()
}
