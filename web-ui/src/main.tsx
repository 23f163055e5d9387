/**
 * Starts the dashboard: reads the welcome code out of the address, picks the theme, renders.
 *
 * @module
 */
import './strict.ts'
import { createRoot } from 'react-dom/client'
import { takeFragment } from './address.ts'
import { ApiContext, createApi } from './api.ts'
import { App } from './app.tsx'
import { applyTheme, storedTheme } from './theme.ts'

applyTheme(storedTheme())

// Taken before the first render, so that the code is out of the address bar before anything else can happen.
const code = location.pathname === '/welcome' ? takeFragment() : ''

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
createRoot(root).render(
  <ApiContext value={createApi()}>
    <App first={code} />
  </ApiContext>,
)
