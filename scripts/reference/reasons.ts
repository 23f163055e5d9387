/**
 * What each reason of a refusal means and what helps, for the page that `type` of a problem document names.
 *
 * One fix each: the one that is right most often. `explain` knows more about a single request.
 *
 * @module
 */
import type { Reason } from '@headgate/core'

export interface ReasonText {
  /** One to three sentences. */
  readonly meaning: string
  /** One sentence. */
  readonly fix: string
  /** Shows, or does, what the fix says. */
  readonly command?: string
}

const EXPLAIN = 'headgate explain last-refused'

/** In the order of the table of reasons. */
export const reasonTexts: Readonly<Record<Reason, ReasonText>> = {
  host_missing: {
    meaning: 'The host decides which environment and which route is meant, and there is none.',
    fix: 'Send one `Host` field, or `:authority` with HTTP/2.',
  },
  host_invalid: {
    meaning: 'Two `Host` fields, or one that is not a host name with a port, could be read in two ways by two servers.',
    fix: 'Send one `Host` field with a name such as `api.example.com`.',
  },
  method_invalid: {
    meaning:
      'The method has other characters than a method may have, or is `CONNECT` or `TRACE`, which are not served.',
    fix: 'Use a method such as GET or POST.',
  },
  target_invalid: {
    meaning: 'Requests name a path that begins with `/`. Whole URLs and `*` belong to other kinds of proxies.',
    fix: 'Ask for a path, and name the host in `Host`.',
  },
  proxy_chain_invalid: {
    meaning:
      'The request came through a declared proxy, and `Forwarded` or `X-Forwarded-For` does not say from where in a form that can be read in one way. Guessing would let callers choose their address.',
    fix: 'Let the proxy in front of the agent write one of the two fields anew, and declare exactly the proxies that there are in `HEADGATE_TRUSTED_PROXIES`.',
  },
  path_ambiguous: {
    meaning:
      'The path holds something that one server decodes and another does not: an encoded slash, dot segments, a backslash, doubled slashes. What was decided about could be another thing than what is served.',
    fix: 'Send the path in its plain form, with nothing encoded that need not be.',
  },
  client_certificate_missing: {
    meaning:
      'The host asks for a client certificate in the handshake, and this request came over a connection without one: over plain HTTP, or over a connection that was opened for another host.',
    fix: 'Open a connection to this very host over HTTPS, with a client certificate of one of its authorities.',
  },
  source_banned: {
    meaning:
      'Somebody who runs this environment has shut out a range that the address is in, until a time or until it is taken back. Nothing else of the request was looked at.',
    fix: 'Find out why with `headgate bans ls`, and take the ban back when the reason is gone.',
    command: 'headgate bans lift <ban>',
  },
  https_redirect: {
    meaning: 'The route is served over HTTPS. The request carried no credential, so it is sent on.',
    fix: 'Call the address in `Location`.',
  },
  https_required: {
    meaning: 'The route is served over HTTPS, and a request of this kind cannot be sent on by a redirect.',
    fix: 'Call over HTTPS.',
  },
  cleartext_credential: {
    meaning: 'The request carried a credential over plain HTTP. Everybody on the way can have read it.',
    fix: 'Replace the credential, then call over HTTPS.',
    command: 'headgate keys rotate <key> --overlap 0',
  },
  not_ready: {
    meaning: 'The agent has no release for this host yet: it has just started, or nothing was published.',
    fix: 'Publish a release, and see that the agent acts on it.',
    command: 'headgate releases watch',
  },
  route_unknown: {
    meaning: 'No route of any environment that the agent serves has this host and path.',
    fix: 'Correct the host or the path, or add a route.',
    command: 'headgate routes ls',
  },
  method_not_allowed: {
    meaning: 'The path is served for other methods; `Allow` names them.',
    fix: 'Use a method that `Allow` names, or let the route serve this one.',
    command: 'headgate routes ls',
  },
  source_not_allowed: {
    meaning:
      'The access policy of the route has address rules, and the source address is not among what they allow. It is looked at before any credential.',
    fix: 'Call from an allowed address, or change `addresses` of the policy.',
    command: EXPLAIN,
  },
  source_locked_out: {
    meaning:
      'So many bad credentials came from this address that the agent does not check new tokens and signatures from there for a while. API keys, client certificates and tokens that were seen before still work. Behind a load balancer that is not declared (`HEADGATE_TRUSTED_PROXIES`), all callers are one address.',
    fix: 'Stop what sends bad credentials, and wait as long as `Retry-After` says.',
    command: 'headgate tail --denied',
  },
  credential_locked_out: {
    meaning:
      'So many bad credentials that begin like this one came from different addresses that the agent takes it for guessing, and this address sent a bad one itself. A good credential still works from an address that sent no bad one, and API keys and client certificates from everywhere.',
    fix: 'Stop what sends bad credentials, wait as long as `Retry-After` says, and replace the credential if it is guessed at.',
    command: 'headgate tail --denied',
  },
  credential_missing: {
    meaning:
      'The route asks for a credential, and the request has none in any of the places that its access policy names.',
    fix: 'Send a credential that the policy accepts.',
    command: 'headgate keys create --consumer <name> --scope <scope>',
  },
  credential_repeated: {
    meaning:
      'Two different credentials are on the request, or one field stands twice. Taking one of them would let the agent and the service believe in two different callers.',
    fix: 'Send one credential, in one place.',
  },
  credential_malformed: {
    meaning:
      'What was sent is not whole: an API key with a wrong checksum, or a token that is none. It was refused without looking it up.',
    fix: 'Send the credential as it was given, whole and unchanged.',
  },
  credential_unknown: {
    meaning: 'The credential has the right form, and nobody here has it.',
    fix: 'Use a credential of this environment; make another one if it is lost.',
    command: 'headgate keys create --consumer <name> --scope <scope>',
  },
  credential_wrong_environment: {
    meaning: 'The API key names another environment than the one that serves this host.',
    fix: 'Use a key of the environment that is called.',
    command: 'headgate keys create --consumer <name> --environment <environment>',
  },
  credential_disabled: {
    meaning: 'The credential is switched off for a while.',
    fix: 'Switch it on again.',
    command: 'headgate keys enable <key>',
  },
  credential_revoked: {
    meaning: 'The credential was ended for good, by somebody or because it was found in public.',
    fix: 'Use another credential.',
    command: 'headgate keys create --consumer <name> --scope <scope>',
  },
  credential_expired: {
    meaning: 'The credential has reached its end: `expires_at` of a key or certificate, `exp` of a token.',
    fix: 'Get another one, before the end the next time.',
    command: 'headgate keys report --expiring 30d',
  },
  credential_unavailable: {
    meaning:
      'The agent could not find out whether the credential counts: an issuer does not answer and nothing is known of its keys, or the directory is not here yet.',
    fix: 'Try again; `problem` of the issuer in `/state` of the agent says what is wrong: it does not answer, a secret cannot be read, a private address was refused.',
    command: 'headgate issuers ls',
  },
  credential_not_accepted: {
    meaning:
      'The access policy of the route names the kinds of credentials that it takes, and this kind is not among them.',
    fix: 'Send a credential of a kind that the policy names, or add this kind to `credentials`.',
    command: EXPLAIN,
  },
  credential_unbound: {
    meaning:
      'The token counts only together with the key or certificate that it is bound to, and the proof is not there; or the policy takes bound tokens only, and this one is not bound.',
    fix: 'Send the proof beside the token: a `DPoP` field, or the client certificate that it was given for.',
  },
  token_issuer_unknown: {
    meaning:
      '`iss` of the token is none of the issuers that the access policy of the route names. It has to be the same to the letter, with or without the slash at the end.',
    fix: 'Compare `iss` with `issuer` of the issuer object, and name that issuer in the policy.',
    command: 'headgate issuers ls',
  },
  token_algorithm_not_allowed: {
    meaning:
      'The token says that it is signed with an algorithm that is not among `algorithms` of its issuer. `none` and algorithms with a shared secret never are.',
    fix: 'Let the issuer sign with one of them, or add the algorithm to the issuer object.',
    command: 'headgate issuers get <issuer>',
  },
  token_key_unknown: {
    meaning: '`kid` of the token is not among the keys of its issuer, also after they were read again.',
    fix: 'Get a new token; if it goes on, see whether the issuer publishes the key that it signs with.',
    command: 'headgate explain --path <path> --jwt <file>',
  },
  token_signature_invalid: {
    meaning: 'The token was changed after it was signed, or signed with another key than it names.',
    fix: 'Send the token as the issuer gave it.',
  },
  token_type_not_allowed: {
    meaning:
      '`typ` of the token is not among `token_types` of its issuer. An ID token, for example, is no access token (RFC 9068).',
    fix: 'Send an access token; for an issuer that does not write `at+jwt`, name what it writes in `token_types`.',
    command: 'headgate issuers get <issuer>',
  },
  token_audience_mismatch: {
    meaning: '`aud` of the token names none of `audiences` of its issuer: the token was made for another service.',
    fix: 'Ask the issuer for a token for this API.',
    command: 'headgate issuers get <issuer>',
  },
  token_not_yet_valid: {
    meaning: '`nbf` or `iat` of the token lies in the future by more than `clock_skew_ms`.',
    fix: 'Set the clock of the issuer or of the agent right.',
  },
  token_claims_invalid: {
    meaning:
      'The token lacks a claim that is needed, or has one of a wrong type or value: the consumer, the scopes, `exp`, or one of `required_claims`.',
    fix: 'Compare the claims with what the issuer object asks for.',
    command: 'headgate explain --path <path> --jwt <file>',
  },
  token_inactive: {
    meaning:
      'The issuer was asked, and says that the token does not count: it has ended, was withdrawn, or is not one of its own.',
    fix: 'Get a new token.',
  },
  proof_invalid: {
    meaning:
      'The proof in `DPoP` is missing, is for another request, too old, or signed with another key than the token is bound to (RFC 9449).',
    fix: 'Make a new proof for each request, with its method and URL, `ath`, and a fresh `iat` and `jti`.',
  },
  proof_replayed: {
    meaning: 'A proof with this `jti` was used before. Each counts once.',
    fix: 'Make a new proof for each request, also when it is repeated.',
  },
  signature_invalid: {
    meaning:
      'The signature of the request is missing parts, cannot be read, stands twice, or does not fit what was received.',
    fix: 'Sign what is sent, after everything that changes it (RFC 9421).',
    command: EXPLAIN,
  },
  signature_insufficient: {
    meaning:
      'The signature is right, but covers less than the access policy asks for. What is not covered could be changed on the way.',
    fix: 'Cover every component that `covered` of the policy names; with a body, `content-digest` too.',
    command: EXPLAIN,
  },
  signature_expired: {
    meaning: '`created` or `expires` of the signature lies outside of the time that the access policy gives.',
    fix: 'Sign each request when it is sent, and set the clock right.',
  },
  signature_replayed: {
    meaning: 'The same signature was used before. Each counts once within its time.',
    fix: 'Sign each request anew; a `nonce` tells equal ones apart.',
  },
  certificate_untrusted: {
    meaning:
      'A client certificate was presented that none of the authorities of the host vouches for, that has ended, or that was revoked.',
    fix: 'Present a certificate of one of the authorities in `client_certificates`.',
    command: 'headgate certificates get <name>',
  },
  certificate_unknown: {
    meaning:
      'The client certificate is trusted, and none of the names by which the policy looks belongs to a consumer.',
    fix: 'Let the certificate prove a consumer.',
    command: 'headgate credentials create --consumer <name> --certificate <file>',
  },
  access_undecided: {
    meaning: 'Neither the route, nor its service, nor the environment has an access policy. Such a route is closed.',
    fix: 'Write an access policy: who may call, or that the route is public, with an owner and a reason.',
    command: 'headgate policies ls',
  },
  consumer_banned: {
    meaning: 'Somebody who runs this environment has shut the consumer out, until a time or until it is taken back.',
    fix: 'Find out why with `headgate bans ls`, and take the ban back when the reason is gone.',
    command: 'headgate bans lift <ban>',
  },
  consumer_disabled: {
    meaning: 'The consumer is switched off, so none of its credentials counts.',
    fix: 'Switch it on again.',
    command: 'headgate consumers enable <consumer>',
  },
  address_not_allowed: {
    meaning: 'The credential may be used from certain addresses only, and the request came from another one.',
    fix: 'Call from one of them, or make a credential for this address.',
    command: 'headgate keys create --consumer <name> --address <range>',
  },
  consumer_unknown: {
    meaning:
      'The token is good, and names a caller that is no consumer here. The issuer object says that only consumers are let in.',
    fix: 'Create a consumer of that name, or set `unknown_consumers: admit`.',
    command: 'headgate consumers create <name>',
  },
  consumer_not_allowed: {
    meaning: 'The access policy names the consumers that may call, and this one is not among them.',
    fix: 'Add the consumer to `consumers` of the policy.',
    command: EXPLAIN,
  },
  scope_missing: {
    meaning: 'The access policy needs a scope that neither the credential nor a role of the caller has.',
    fix: 'Give the credential the scope, or the consumer a role that has it.',
    command: 'headgate keys grant <key> --scope <scope>',
  },
  role_missing: {
    meaning: 'The access policy needs a role that the caller does not have.',
    fix: 'Give the consumer the role, and name those that it has as well: an update sets all of them.',
    command: 'headgate consumers update <consumer> --role <role>',
  },
  time_not_allowed: {
    meaning: 'The access policy has time windows, and none of them is open now.',
    fix: 'Call within one of them, or change `times` of the policy.',
    command: EXPLAIN,
  },
  expression_denied: {
    meaning: 'The expression of the access policy is false for this request.',
    fix: 'See the expression, and what the request had.',
    command: EXPLAIN,
  },
  expression_failed: {
    meaning:
      'The expression of the access policy could not be evaluated: it looks at something that this request or token does not have. What fails is refused.',
    fix: 'Ask with `has(...)` or `in` before looking at what may be missing.',
    command: EXPLAIN,
  },
  body_too_large: {
    meaning:
      'The body of the request is longer than the policy of type `size` of this route, or the agent itself, lets through. By its declared length it is refused before the service is asked, else as soon as it has become too long.',
    fix: 'Send it in smaller parts, or let the policy say more in `body_bytes_max`.',
    command: EXPLAIN,
  },
  limit_exceeded: {
    meaning: 'One of the limits that count for this request is used up; `RateLimit` names it.',
    fix: 'Wait as long as `Retry-After` says.',
    command: EXPLAIN,
  },
  limit_unavailable: {
    meaning: 'The agent could not count the request, and the limit says that it is refused then.',
    fix: 'Try again.',
  },
  upstream_identity_invalid: {
    meaning: 'The service is told who calls, and what would be told cannot stand in a header field.',
    fix: 'Take the claim into `identity.token.claims`, where every character may stand, or give it a value without line breaks and other control characters.',
    command: 'headgate services get <service>',
  },
  upstream_credential_unavailable: {
    meaning:
      'The agent has to prove itself to the service, and could not get what it proves itself with: a secret cannot be read, or the token endpoint does not answer.',
    fix: 'See `service_credentials` in `/state` of the agent, and correct `authentication` of the service.',
    command: 'headgate services get <service>',
  },
  upstream_unreachable: {
    meaning: 'No connection to any target of the service could be made.',
    fix: 'See whether the targets run and can be reached from the agent.',
    command: 'headgate services get <service>',
  },
  upstream_failed: {
    meaning: 'The service ended the connection before it answered, or answered with something that is not HTTP.',
    fix: 'See the log of the service.',
    command: EXPLAIN,
  },
  upstream_overloaded: {
    meaning: 'The service has as many requests in flight or waiting as its breaker allows.',
    fix: 'Try again after a moment; if it stays so, give the service more targets.',
    command: 'headgate services get <service>',
  },
  load_shed: {
    meaning:
      'The service takes far longer to answer than it does when nobody waits, so it gets fewer requests at a time, and those of lower priority wait for a better moment.',
    fix: 'Wait as long as `Retry-After` says; if it stays so, give the service more targets, or the caller a role with a higher `priority`.',
    command: 'headgate services get <service>',
  },
  agent_overloaded: {
    meaning:
      'The serving thread that took the request has more to do than it can, so it refuses requests of lower priority before it works on them.',
    fix: 'Wait as long as `Retry-After` says; if it stays so, add agents or serving threads.',
    command: 'headgate agents ls',
  },
  upstream_timeout: {
    meaning: 'The service did not answer within `response_timeout_ms` or `request_timeout_ms`.',
    fix: 'See why it is slow; give it more time where that is right.',
    command: 'headgate services get <service>',
  },
}
