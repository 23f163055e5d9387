/**
 * Every reason a request can be refused for, with its status, its gate and its public sentence.
 *
 * The codes are stable: they are logged, counted, sent to callers and documented. A sentence says nothing that a
 * caller does not know about itself; operators find the rest by request id.
 *
 * @module
 */

/** The seven gates that a request passes, in order of display. */
export const gates = ['tls', 'network', 'route', 'identity', 'access', 'limit', 'upstream'] as const
export type Gate = (typeof gates)[number]

interface ReasonInfo {
  /** HTTP status of the refusal. */
  readonly status: number
  readonly gate: Gate
  /** Public title; also the meaning in the reference. */
  readonly title: string
}

const reason = (status: number, gate: Gate, title: string): ReasonInfo => ({ status, gate, title })

export const reasons = {
  // 1. normalise (RELIABILITY section 3; RFC 9110 section 7.2, RFC 9112 section 3.2)
  host_missing: reason(400, 'network', 'The request has no Host'),
  host_invalid: reason(400, 'network', 'The Host is repeated or malformed'),
  method_invalid: reason(400, 'network', 'The method is not a token that is served here'),
  target_invalid: reason(400, 'network', 'The request target is not an absolute path'),
  proxy_chain_invalid: reason(400, 'network', 'The proxies on the way do not say plainly where the request came from'),
  path_ambiguous: reason(400, 'network', 'Two readers could understand this path differently'),
  source_banned: reason(403, 'network', 'An operator has shut out the address that the request comes from'),
  // by the connection (RFC 9110 section 15.4.9 and 15.5.20)
  client_certificate_missing: reason(421, 'tls', 'This host is reached over HTTPS with a client certificate only'),
  https_redirect: reason(308, 'tls', 'This route is served over HTTPS, where Location says'),
  https_required: reason(403, 'tls', 'This route is served over HTTPS only'),
  cleartext_credential: reason(403, 'tls', 'A credential was sent in clear, so consider it leaked and replace it'),
  // 2. match
  agent_overloaded: reason(503, 'network', 'There is more to do here than can be done at the moment'),
  not_ready: reason(503, 'route', 'No configuration is live yet'),
  route_unknown: reason(404, 'route', 'No route serves this host and path'),
  method_not_allowed: reason(405, 'route', 'The path is served, but not for this method'),
  // 3. source
  source_not_allowed: reason(403, 'identity', 'This route may not be called from this address'),
  source_locked_out: reason(429, 'identity', 'Too many bad credentials came from this address'),
  credential_locked_out: reason(429, 'identity', 'Too many bad credentials like this one were presented'),
  // 4. credentials
  credential_missing: reason(401, 'identity', 'A credential is needed'),
  credential_repeated: reason(400, 'identity', 'Two different credentials were presented'),
  credential_malformed: reason(401, 'identity', 'The credential is malformed'),
  credential_unknown: reason(401, 'identity', 'The credential is not known'),
  credential_wrong_environment: reason(401, 'identity', 'The credential belongs to another environment'),
  credential_disabled: reason(401, 'identity', 'The credential is switched off'),
  credential_revoked: reason(401, 'identity', 'The credential was revoked'),
  credential_expired: reason(401, 'identity', 'The credential has expired'),
  credential_unavailable: reason(503, 'identity', 'Credentials cannot be checked at the moment'),
  credential_not_accepted: reason(401, 'identity', 'Credentials of this kind are not accepted here'),
  credential_unbound: reason(401, 'identity', 'The token counts only with a proof of its key or certificate'),
  // tokens (RFC 7519, RFC 8725, RFC 9068)
  token_issuer_unknown: reason(401, 'identity', 'Tokens of this issuer are not accepted here'),
  token_algorithm_not_allowed: reason(401, 'identity', 'The token is signed in a way that is not accepted'),
  token_key_unknown: reason(401, 'identity', 'The token is signed with a key that its issuer does not have'),
  token_signature_invalid: reason(401, 'identity', 'The signature of the token is wrong'),
  token_type_not_allowed: reason(401, 'identity', 'This type of token is not accepted here'),
  token_audience_mismatch: reason(401, 'identity', 'The token is for somebody else'),
  token_not_yet_valid: reason(401, 'identity', 'The token is not valid yet'),
  token_claims_invalid: reason(401, 'identity', 'The token lacks a claim, or has a wrong one'),
  token_inactive: reason(401, 'identity', 'The issuer says that the token does not count'),
  // proofs of a key (RFC 9449) and signed requests (RFC 9421)
  proof_invalid: reason(401, 'identity', 'The proof of the key is missing or wrong'),
  proof_replayed: reason(401, 'identity', 'The proof of the key was used before'),
  signature_invalid: reason(401, 'identity', 'The signature of the request is wrong'),
  signature_insufficient: reason(401, 'identity', 'The signature covers too little of the request'),
  signature_expired: reason(401, 'identity', 'The signature is too old, or from the future'),
  signature_replayed: reason(401, 'identity', 'The signature was used before'),
  // client certificates (RFC 8705)
  certificate_untrusted: reason(401, 'identity', 'The client certificate is not trusted'),
  certificate_unknown: reason(401, 'identity', 'The client certificate belongs to nobody here'),
  // 5. access
  access_undecided: reason(403, 'access', 'Nobody has decided who may call this route'),
  consumer_disabled: reason(403, 'access', 'The consumer is switched off'),
  consumer_banned: reason(403, 'access', 'An operator has shut out the consumer'),
  address_not_allowed: reason(403, 'access', 'The credential may not be used from this address'),
  consumer_unknown: reason(403, 'access', 'The caller is no consumer here'),
  consumer_not_allowed: reason(403, 'access', 'The consumer may not call this route'),
  scope_missing: reason(403, 'access', 'The credential lacks a scope'),
  role_missing: reason(403, 'access', 'The caller lacks a role'),
  time_not_allowed: reason(403, 'access', 'This route may not be called at this time'),
  expression_denied: reason(403, 'access', 'The conditions of this route are not met'),
  expression_failed: reason(403, 'access', 'The conditions of this route could not be evaluated'),
  // 6. size and limits
  body_too_large: reason(413, 'limit', 'The body is larger than is served here'),
  limit_exceeded: reason(429, 'limit', 'A limit is used up'),
  limit_unavailable: reason(503, 'limit', 'A limit cannot be checked at the moment'),
  // after the decision
  load_shed: reason(503, 'upstream', 'The service is busy with more important requests'),
  upstream_identity_invalid: reason(403, 'upstream', 'The service cannot be told who calls'),
  upstream_credential_unavailable: reason(503, 'upstream', 'The agent cannot prove itself to the service'),
  upstream_unreachable: reason(502, 'upstream', 'The service could not be reached'),
  upstream_failed: reason(502, 'upstream', 'The service broke off or answered with nonsense'),
  upstream_overloaded: reason(503, 'upstream', 'The service has as many requests as it may have'),
  upstream_timeout: reason(504, 'upstream', 'The service took too long'),
} as const satisfies Record<string, ReasonInfo>

/** Stable code of a deny. */
export type Reason = keyof typeof reasons

/** A reason with which proving a credential can fail. */
export type CredentialReason = Extract<
  Reason,
  | `credential_${string}`
  | `token_${string}`
  | `proof_${string}`
  | `signature_${string}`
  | `certificate_${string}`
  | 'address_not_allowed'
  | 'consumer_disabled'
  | 'consumer_unknown'
  | 'source_locked_out'
>
