/**
 * Chooses between light, dark, and what the system says.
 *
 * @module
 */
import { useState } from 'react'
import { storedTheme, storeTheme, type Theme, themes } from '../theme.ts'

const labels: Readonly<Record<Theme, string>> = { system: 'System theme', light: 'Light', dark: 'Dark' }

export function ThemeSwitch() {
  const [theme, setTheme] = useState(storedTheme)
  return (
    <select
      className="select"
      aria-label="Theme"
      value={theme}
      onChange={(event) => {
        const chosen = themes.find((name) => name === event.target.value) ?? 'system'
        storeTheme(chosen)
        setTheme(chosen)
      }}
    >
      {themes.map((name) => (
        <option key={name} value={name}>
          {labels[name]}
        </option>
      ))}
    </select>
  )
}
