// An identity provider with faults, on loopback. It uses nothing but Node: signatures are those of OpenSSL.
// Arguments: port, two that only other providers need, and for TLS the files of key and certificate.
// `POST /control` with {"fault": "…", "claims": {…}} says what goes wrong from now on; `GET /control` says what it was asked.
import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, constants, createHash, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

const [port, , , key, cert] = process.argv.slice(2)
const issuer = `${cert ? 'https' : 'http'}://localhost:${port}`
const b64 = (value) => Buffer.from(value).toString('base64url')
const now = () => Math.floor(Date.now() / 1000)

const KINDS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
}
const SIGN = {
  RS256: (text, key) => sign('sha256', text, key),
  PS256: (text, key) => sign('sha256', text, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
  ES256: (text, key) => sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (text, key) => sign(null, text, key),
  RS512: (text, key) => sign('sha512', text, key),
}
let serial = 0
const made = () => Object.fromEntries(Object.entries(KINDS).map(([alg, make]) => [alg, { ...make(), kid: `${alg}-${++serial}` }]))
let keys = made()
const stranger = { ...KINDS.RS256(), kid: 'stranger' }
let fault = ''
let claims = {}
let asked = { discovery: 0, keys: 0, token: 0, forms: [], authorizations: [] }
const codes = new Map()

function publicKey({ publicKey: key, kid }, alg) {
  return { ...createPublicKey(key.export({ type: 'spki', format: 'pem' })).export({ format: 'jwk' }), kid, alg, use: 'sig' }
}

function idToken(nonce) {
  const alg = KINDS[fault] ? fault : 'RS256'
  const body = { iss: issuer, sub: 'ann', aud: 'headgate', iat: now(), exp: now() + 300, nonce, email: 'ann@example.com', groups: ['ops'], ...claims }
  const head = { alg, kid: keys[alg].kid, typ: 'JWT' }
  let key = keys[alg].privateKey
  const changes = {
    'nonce': () => (body.nonce = 'another'),
    'no-nonce': () => delete body.nonce,
    'aud': () => (body.aud = 'another'),
    'aud-among-others': () => (body.aud = ['headgate', 'another']),
    'azp': () => ((body.aud = ['headgate', 'another']), (body.azp = 'another')),
    'azp-single': () => (body.azp = 'another'),
    'azp-good': () => ((body.aud = ['headgate', 'another']), (body.azp = 'headgate')),
    'expired': () => (body.exp = now() - 61),
    'just-expired': () => (body.exp = now() - 30),
    'no-exp': () => delete body.exp,
    'future': () => (body.iat = now() + 3600),
    'near-future': () => (body.iat = now() + 30),
    'not-before': () => (body.nbf = now() + 3600),
    'issuer': () => (body.iss = 'https://evil.example'),
    'no-subject': () => delete body.sub,
    'subject-control': () => (body.sub = 'ann\n\u001b[31m'),
    'subject-long': () => (body.sub = 'a'.repeat(256)),
    'none': () => ((head.alg = 'none'), (key = null)),
    'hs256': () => (head.alg = 'HS256'),
    'rs512': () => (head.alg = 'RS512'),
    'other-alg': () => (head.alg = 'PS256'),
    'unknown-kid': () => ((head.kid = stranger.kid), (key = stranger.privateKey)),
    'no-kid': () => delete head.kid,
    'embedded-key': () => ((head.jwk = publicKey(stranger, 'RS256')), (head.jku = `${issuer}/evil`), (key = stranger.privateKey)),
    'signature': () => (key = stranger.privateKey),
    'crit': () => ((head.crit = ['exp2']), (head.exp2 = 1)),
    'huge-claims': () => (body.groups = Array.from({ length: 12_000 }, (_, i) => `group-${i}`)),
    'deep-claims': () => (body.deep = JSON.parse('['.repeat(2_000) + ']'.repeat(2_000))),
    'hostile-name': () => (body.email = '\u202e<script>alert(1)</script>\u0000\u001b[31m'),
  }
  changes[fault]?.()
  const text = `${b64(JSON.stringify(head))}.${b64(JSON.stringify(body))}`
  if (head.alg === 'none') return `${text}.`
  if (head.alg === 'HS256') {
    const pem = keys.RS256.publicKey.export({ type: 'spki', format: 'pem' })
    return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`
  }
  return `${text}.${SIGN[head.alg](Buffer.from(text), key).toString('base64url')}`
}

function json(response, status, body) {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
}

// The answers that are no answers. `endless` writes as fast as it is read.
const BAD = {
  'endless': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const more = () => { while (response.write(' '.repeat(65536))); }
    response.on('drain', more)
    more()
  },
  'gigabyte': (response) => response.writeHead(200, { 'content-length': 1 << 30 }).write('{"a":"'),
  'silent': () => {},
  'drip': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 200)
    response.on('close', () => clearInterval(timer))
  },
  'redirect': (response) => response.writeHead(307, { location: `${issuer}/elsewhere` }).end(),
  'garbage': (response) => response.writeHead(200).end('<html>'),
  'deep': (response) => response.writeHead(200).end('['.repeat(100_000)),
  'array': (response) => json(response, 200, []),
  'error': (response) => json(response, 500, { error: 'server_error' }),
  'cut': (response) => { response.writeHead(200, { 'content-length': 100 }); response.write('{'); response.destroy() },
  'heads': (response) => response.writeHead(200, Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`x-${i}`, 'a'.repeat(1000)]))).end('{}'),
}

function discovery(response) {
  asked.discovery += 1
  json(response, 200, {
    issuer: fault === 'discovered-issuer' ? 'https://evil.example' : issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: fault === 'discovered-endpoint' ? 'http://192.0.2.1/token' : `${issuer}/token`,
    jwks_uri: `${issuer}/keys`,
    id_token_signing_alg_values_supported: fault === 'discovered-algorithms' ? ['HS256'] : ['RS256', 'ES256', 'PS256', 'EdDSA'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: ['client_secret_post'],
  })
}

function authorize(url, response) {
  const fields = Object.fromEntries(url.searchParams)
  asked.authorizations.push(fields)
  const back = new URL(fields.redirect_uri)
  const code = randomBytes(12).toString('hex')
  codes.set(code, fields)
  const answer = { code, state: fields.state, iss: issuer }
  if (fault === 'callback-issuer') answer.iss = 'https://evil.example'
  if (fault === 'callback-no-issuer') delete answer.iss
  if (fault === 'denied') { delete answer.code; answer.error = 'access_denied' }
  if (fault === 'callback-error') { delete answer.code; answer.error = '<script>alert(1)</script>'; answer.error_description = 'CANARY' }
  if (fault === 'callback-no-code') delete answer.code
  if (fault === 'callback-state') answer.state = randomBytes(32).toString('base64url')
  for (const [name, value] of Object.entries(answer)) back.searchParams.set(name, value)
  response.writeHead(302, { location: back.href }).end()
}

function token(form, response) {
  asked.token += 1
  asked.forms.push(Object.fromEntries(form))
  const began = codes.get(form.get('code'))
  codes.delete(form.get('code'))
  const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
  if (form.get('client_secret') !== 'the-secret') return json(response, 401, { error: 'invalid_client' })
  if (fault === 'code' || !began || challenge !== began.code_challenge || form.get('redirect_uri') !== began.redirect_uri) {
    return json(response, 400, { error: 'invalid_grant', error_description: 'CANARY' })
  }
  if (fault === 'client') return json(response, 401, { error: 'invalid_client' })
  const tokens = { access_token: 'CANARY-access', refresh_token: 'CANARY-refresh', token_type: 'Bearer', id_token: idToken(began.nonce) }
  if (fault === 'no-id-token') delete tokens.id_token
  if (fault === 'unreadable') tokens.id_token = 'a.b.c'
  if (fault === 'id-token-number') tokens.id_token = 5
  json(response, 200, tokens)
}

function control(body, response) {
  if (body) {
    const order = JSON.parse(body)
    fault = order.fault ?? ''
    claims = order.claims ?? {}
    if (order.rotate) keys = made()
    if (order.forget) asked = { discovery: 0, keys: 0, token: 0, forms: [], authorizations: [] }
  }
  json(response, 200, asked)
}

function answer(request, response) {
  let body = ''
  request.on('data', (part) => (body += part))
  request.on('end', () => {
    const url = new URL(request.url, issuer)
    const [where, how] = fault.split(':')
    const place = { '/.well-known/openid-configuration': 'discovery', '/keys': 'keys', '/token': 'token' }[url.pathname]
    if (place && place === where && BAD[how]) return BAD[how](response)
    if (place === 'discovery') return discovery(response)
    if (place === 'token') return token(new URLSearchParams(body), response)
    if (url.pathname === '/authorize') return authorize(url, response)
    if (url.pathname === '/control') return control(body, response)
    if (url.pathname === '/signed-out') return response.writeHead(200, { 'content-type': 'text/html' }).end('<title>signed out</title>')
    if (place === 'keys') {
      asked.keys += 1
      const all = Object.entries(keys).map(([alg, key]) => publicKey(key, alg))
      // For a token that names no key, only one may be there.
      return json(response, 200, { keys: fault === 'no-kid' ? [all[0]] : all })
    }
    json(response, 404, {})
  })
}

const server = cert ? createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, answer) : createServer(answer)
server.listen(Number(port), '127.0.0.1', () => console.log(`listening on ${issuer}`))
