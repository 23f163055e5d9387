/**
 * Consumers, and what each can prove itself with.
 *
 * @module
 */
import { useState } from 'react'
import { useAddress } from '../address.ts'
import { useAnswer } from '../answer.ts'
import { type Consumer, type Failure, failureOf, ROWS_MAX, useApi, type Where } from '../api.ts'
import { Refused } from '../consumers/actions.tsx'
import { Keys, OtherCredentials } from '../consumers/credentials.tsx'
import { Roles } from '../consumers/roles.tsx'
import { Link } from '../parts/link.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Chip } from '../parts/marks.tsx'
import { Empty } from '../parts/notices.tsx'
import { Panel } from '../parts/panel.tsx'
import { More, Table } from '../parts/table.tsx'
import { dateText } from '../words.ts'

export function Consumers(where: Where) {
  const api = useApi()
  const open = useAddress().query.get('consumer')
  const consumers = useAnswer(`consumers ${where.tenant} ${where.environment}`, (signal) =>
    api.call('listConsumers', { params: { ...where }, query: { limit: ROWS_MAX }, signal }),
  )
  return (
    <div className={open === null ? 'work' : 'work open'}>
      <section className="card" aria-label="Consumers">
        <Loaded kept={consumers} of="consumers">
          {({ data, has_more: more }) =>
            data.length === 0 ? (
              <Empty title="No consumers yet" command="npx headgate keys create --consumer alice --scope orders:read">
                A consumer is somebody who calls your services. One comes with its first key:
              </Empty>
            ) : (
              <>
                <Table name="Consumers" columns={columns} rows={data} id={({ name }) => name} open={open} />
                <More more={more} command="npx headgate consumers ls" />
              </>
            )
          }
        </Loaded>
      </section>
      {open === null ? null : <ConsumerPanel key={open} {...{ where, name: open }} changed={consumers.retry} />}
    </div>
  )
}

const columns = [
  { title: 'Name', cell: ({ name }: Consumer) => <Link to={{ query: { consumer: name } }}>{name}</Link> },
  { title: 'State', cell: (consumer: Consumer) => <State consumer={consumer} /> },
  {
    title: 'Roles',
    cell: ({ roles }: Consumer) =>
      roles.length === 0 ? <span className="quiet">none</span> : <code>{roles.join(', ')}</code>,
  },
  { title: 'Since', cell: ({ created_at: at }: Consumer) => <span title={at}>{dateText(at)}</span> },
]

function State({ consumer: { disabled } }: { readonly consumer: Consumer }) {
  return disabled ? <Chip kind="limited" label="disabled" /> : <Chip kind="allowed" label="active" />
}

interface ConsumerPanelProps {
  readonly where: Where
  readonly name: string
  readonly changed: () => void
}

function ConsumerPanel({ where, name, changed }: ConsumerPanelProps) {
  const api = useApi()
  const consumer = useAnswer(`consumer ${where.tenant} ${where.environment} ${name}`, (signal) =>
    api.call('getConsumer', { params: { ...where, consumer: name }, signal }),
  )
  const again = () => {
    consumer.retry()
    changed()
  }
  return (
    <Panel title={name} closed={{ query: { consumer: null } }}>
      <Loaded kept={consumer} of={`consumer ${name}`}>
        {(found) => (
          <>
            <Switch {...{ where, consumer: found }} changed={again} />
            <Roles {...{ where, consumer: found }} changed={again} />
          </>
        )}
      </Loaded>
      <Keys {...{ where }} consumer={name} />
      <OtherCredentials {...{ where }} consumer={name} />
    </Panel>
  )
}

function Switch({ where, consumer, changed }: Omit<ConsumerPanelProps, 'name'> & { readonly consumer: Consumer }) {
  const api = useApi()
  const [failure, setFailure] = useState<Failure | null>(null)
  const { name, disabled, revision } = consumer
  const set = () => {
    setFailure(null)
    const params = { ...where, consumer: name }
    api
      .call('updateConsumer', { params, body: { disabled: !disabled }, ifMatch: revision })
      .then(changed, (thrown: unknown) => setFailure(failureOf(thrown)))
  }
  return (
    <section aria-label="State">
      <div className="actions">
        <State consumer={consumer} />
        <span className="quiet">
          <code>{consumer.id}</code>
        </span>
        <button type="button" className="button" onClick={set}>
          {disabled ? 'Switch on' : 'Switch off: refuse all of its credentials'}
        </button>
      </div>
      {failure === null ? null : <Refused failure={failure} />}
    </section>
  )
}
