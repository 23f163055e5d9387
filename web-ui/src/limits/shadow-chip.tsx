/**
 * Says that a limit is counted only.
 *
 * @module
 */
import { Chip } from '../parts/marks.tsx'

export function ShadowChip() {
  return <Chip kind="none" label="shadow" word="counted and recorded, and refuses nobody" />
}
