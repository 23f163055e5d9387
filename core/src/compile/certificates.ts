/**
 * Part of `compile`: certificates. Two that are presented for one name would be a matter of luck.
 *
 * @module
 */
import type { CompiledCertificate } from '#core/release.ts'
import type { FindingList } from './findings.ts'
import type { ReadObject } from './read-objects.ts'

type Clients = ReadObject<'certificate'>['spec']['client_certificates']

export function compileCertificates(
  objects: readonly ReadObject<'certificate'>[],
  findings: FindingList,
): readonly CompiledCertificate[] {
  const byHost = new Map<string, string>()
  return objects.map(({ name, spec, subject }) => {
    const hosts = [...new Set(spec.hosts)]
    for (const host of hosts) {
      const other = byHost.get(host)
      byHost.set(host, name)
      if (other === undefined) continue
      const message = `${other} and ${name} are both presented for ${host}`
      findings.error(subject, {
        code: 'certificate_conflict',
        pointer: '/hosts',
        message,
        fix: 'Keep the host in one of them',
      })
    }
    return {
      name,
      origin: subject.origin,
      hosts,
      chain: spec.chain,
      key: spec.key,
      alternative: spec.alternative ?? null,
      profile: spec.profile ?? null,
      clientCertificates: clientsOf(spec.client_certificates),
    }
  })
}

function clientsOf(clients: Clients): CompiledCertificate['clientCertificates'] {
  return clients === undefined ? null : { mode: clients.mode, ca: clients.ca, crl: clients.crl ?? null }
}
