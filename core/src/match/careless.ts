/**
 * Reads a path as a careless reader would.
 *
 * Frameworks and file systems differ in what they ignore: case, a slash at the end, dots and white space at the end of
 * a name (Windows), characters without width and controls, and forms that Unicode calls compatible (a fullwidth `／` becomes `/`).
 * One reading with all of these habits at once finds every path that some reader could take for another one.
 *
 * Source: Unicode Standard Annex 15 (NFKC).
 *
 * @module
 */

// Most paths have neither an encoding nor a segment that ends with a dot, and are read by their case and slash alone.
const ODD = /%|\.(?:\/|$)/
const WITHOUT_WIDTH = /[\p{Cf}\p{Cc}\p{Mn}]/gu

/**
 * @param path as in `Facts`.
 * @returns null when the reading has dot segments or empty ones: it leads who knows where.
 */
export function carelessReading(path: string): string | null {
  const lower = withoutLastSlash(path.toLowerCase())
  if (!ODD.test(lower)) return lower
  const text = decode(lower)
  if (text === null) return null
  const folded = text.normalize('NFKC').toLowerCase().replace(WITHOUT_WIDTH, '').replaceAll('\\', '/')
  const segments = withoutLastSlash(folded).slice(1).split('/').map(trim)
  return segments.includes('') && segments.length > 1 ? null : `/${segments.join('/')}`
}

function withoutLastSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** @returns null for what is not UTF-8, which `normalise` never lets through. */
function decode(path: string): string | null {
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

/** Without white space around and dots behind. By hand: a regular expression would go back and forth on long runs. */
function trim(segment: string): string {
  const text = segment.trim()
  let end = text.length
  while (end > 0 && (text[end - 1] === '.' || text[end - 1]?.trim() === '')) end--
  return text.slice(0, end)
}
