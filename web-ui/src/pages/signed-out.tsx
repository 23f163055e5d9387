/**
 * How to get in. There is no password: a link that works once is made on the command line.
 *
 * @module
 */
import type { ReactNode } from 'react'
import { Command } from '../parts/command.tsx'
import { Brand } from '../parts/marks.tsx'
import { ThemeSwitch } from '../parts/theme-switch.tsx'

/** One card in the middle of an otherwise empty page. */
export function Door({ children }: { readonly children: ReactNode }) {
  return (
    <div className="door">
      <main>
        <Brand />
        <div className="card">{children}</div>
        <div className="foot">
          <ThemeSwitch />
        </div>
      </main>
    </div>
  )
}

const titles = {
  'not yet': 'Sign in to Headgate',
  'signed out': 'You are signed out',
  expired: 'Your session has ended',
} as const

export function SignedOut({ because }: { readonly because: keyof typeof titles }) {
  return (
    <Door>
      <h1>{titles[because]}</h1>
      <p>There is no password. Make a link on a machine where the command is signed in, and open it in this browser:</p>
      <Command text="npx headgate open" />
      <p className="quiet">
        The link works once, within ten minutes. On the very first start, the control plane prints one by itself.
      </p>
    </Door>
  )
}
