/**
 * The explanation of one request, beside the list.
 *
 * @module
 */
import { useEffect, useRef } from 'react'
import { useAnswer } from '../answer.ts'
import { useApi } from '../api.ts'
import { Failed, Skeleton } from '../parts/notices.tsx'
import { close } from './decisions.tsx'
import { Explained } from './explained.tsx'

interface PanelProps {
  readonly tenant: string
  readonly environment: string
  readonly requestId: string
}

export function ExplainPanel({ tenant, environment, requestId }: PanelProps) {
  const api = useApi()
  const { data, failure, retry } = useAnswer(`explain ${tenant} ${environment} ${requestId}`, (signal) =>
    api.call('explain', { params: { tenant, environment }, body: { request_id: requestId }, signal }),
  )
  // The focus comes along when the panel opens, and stays with the list while j and k walk through it.
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  return (
    <aside className="panel" aria-labelledby="explained">
      <header>
        <h2 id="explained" ref={heading} tabIndex={-1}>
          {data === undefined ? 'Explanation' : `${data.method} ${data.path}`}
        </h2>
        <button type="button" className="button plain" onClick={() => close(requestId)}>
          Close
        </button>
      </header>
      {data !== undefined ? (
        <Explained explanation={data} requestId={requestId} />
      ) : failure === undefined ? (
        <Skeleton rows={9} of="the explanation" />
      ) : (
        <Failed what="No explanation" failure={failure} retry={retry} />
      )}
    </aside>
  )
}
