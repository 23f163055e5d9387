/**
 * A command to paste, with a button that copies it.
 *
 * @module
 */
import { useState } from 'react'

/** How long the button says that it worked, in milliseconds. */
const SAID_MS = 2_000

type Said = 'Copy' | 'Copied' | 'Select it'

export function Command({ text }: { readonly text: string }) {
  const [said, setSaid] = useState<Said>('Copy')
  const say = (words: Said) => {
    setSaid(words)
    setTimeout(() => setSaid('Copy'), SAID_MS)
  }
  return (
    <div className="command">
      <code>{text}</code>
      <button
        type="button"
        aria-label={said === 'Copy' ? `Copy ${text}` : said}
        onClick={() => {
          copy(text).then(
            () => say('Copied'),
            () => say('Select it'),
          )
        }}
      >
        {said}
      </button>
    </div>
  )
}

/** Rejects where the browser has no clipboard for this page, such as over plain HTTP. */
async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text)
}
