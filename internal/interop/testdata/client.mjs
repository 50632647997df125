// A client that knows the issuer, an account, and what that proves itself with. It reads them as JSON from standard
// input, and prints a line for every thing that worked; the first that does not ends it.
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import * as oauth from 'oauth4webapi'
import * as jose from 'jose'

const given = JSON.parse(await text(process.stdin))
const local = { [oauth.allowInsecureRequests]: true } // loopback
const client = { client_id: given.account }
const key = { key: await jose.importPKCS8(given.privateKey, given.algorithm), kid: given.keyID }
const works = (what) => console.log(what)

// Metadata (RFC 8414), looked for where the RFC has it.
const issuer = new URL(given.issuer)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...local }))
works('discovery')

// The grant client_credentials, with every method that the metadata names.
const methods = {
  private_key_jwt: () => oauth.PrivateKeyJwt(key),
  client_secret_basic: () => oauth.ClientSecretBasic(given.secret),
  client_secret_post: () => oauth.ClientSecretPost(given.secret),
}
async function token(method, parameters = {}) {
  const response = await oauth.clientCredentialsGrantRequest(as, client, method, parameters, local)
  return oauth.processClientCredentialsResponse(as, client, response)
}
async function introspect(method, raw) {
  const response = await oauth.introspectionRequest(as, client, method, raw, local)
  return oauth.processIntrospectionResponse(as, client, response)
}
async function revoke(method, raw) {
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, method, raw, local))
}
async function wallet(raw) {
  return oauth.protectedResourceRequest(raw, 'GET', new URL(given.wallet), undefined, undefined, local)
}

for (const name of as.token_endpoint_auth_methods_supported) {
  const method = methods[name]
  const got = await token(method())
  assert.equal(got.token_type, 'bearer')
  assert.equal(got.expires_in, 600)
  assert.equal(await (await wallet(got.access_token)).text(), given.account)
  works(`client_credentials by ${name}`)

  const said = await introspect(method(), got.access_token)
  assert.equal(said.active, true)
  assert.equal(said.client_id, given.account)
  assert.equal(said.sub, given.account)
  assert.equal(said.iss, given.issuer)
  assert.equal(said.aud, given.audience)
  assert.equal(said.token_type, 'Bearer')
  assert.equal(said.exp - said.iat, 600)
  works(`introspection by ${name}`)

  await revoke(method(), got.access_token)
  await revoke(method(), got.access_token)
  assert.deepEqual(await introspect(method(), got.access_token), { active: false })
  await assert.rejects(wallet(got.access_token), (err) => {
    assert.ok(err instanceof oauth.WWWAuthenticateChallengeError)
    assert.equal(err.status, 401)
    assert.deepEqual(err.cause.map((c) => [c.scheme, c.parameters.realm, c.parameters.error]), [['bearer', 'api', 'invalid_token']])
    return true
  })
  works(`revocation by ${name}`)
}

// A scope comes back, and is what the token is cut down to.
const narrow = await token(methods.client_secret_basic(), { scope: 'wallets:create' })
assert.equal(narrow.scope, 'wallets:create')
await assert.rejects(wallet(narrow.access_token), (err) => {
  assert.equal(err.status, 403)
  assert.deepEqual(err.cause.map((c) => [c.scheme, c.parameters.error, c.parameters.scope]), [['bearer', 'insufficient_scope', 'wallets:read']])
  return true
})
works('scope')

// Errors (RFC 6749 section 5.2).
await assert.rejects(token(methods.client_secret_post(), { scope: 'wallets:none' }), (err) => {
  assert.ok(err instanceof oauth.ResponseBodyError)
  assert.deepEqual([err.status, err.error], [400, 'invalid_scope'])
  return true
})
for (const wrong of [oauth.ClientSecretBasic(given.secret + 'x'), oauth.ClientSecretPost('x'), oauth.None()]) {
  await assert.rejects(token(wrong), (err) => {
    assert.ok(err instanceof oauth.WWWAuthenticateChallengeError)
    assert.equal(err.status, 401)
    assert.deepEqual(err.cause.map((c) => c.scheme), ['basic'])
    return true
  })
}
works('errors')

// The grant of RFC 7523, with an assertion that jose signs.
const assertion = () => new jose.SignJWT()
  .setProtectedHeader({ alg: given.algorithm, kid: given.keyID })
  .setIssuer(given.account).setSubject(given.account).setAudience(as.issuer)
  .setIssuedAt().setExpirationTime('1m').setJti(crypto.randomUUID())
  .sign(key.key)
const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
async function exchange(assertion) {
  const response = await oauth.genericTokenEndpointRequest(as, client, oauth.None(), grant, { assertion }, local)
  return oauth.processGenericTokenEndpointResponse(as, client, response)
}
const signed = await assertion()
const { access_token: raw } = await exchange(signed)
assert.equal(await (await wallet(raw)).text(), given.account)
await assert.rejects(exchange(signed), (err) => {
  assert.ok(err instanceof oauth.ResponseBodyError)
  assert.deepEqual([err.status, err.error], [400, 'invalid_grant'])
  return true
})
works('jwt-bearer')

// A resource server verifies the token (RFC 9068), by the keys that the metadata names.
const request = new Request(given.wallet, { headers: { authorization: `Bearer ${raw}` } })
const claims = await oauth.validateJwtAccessToken(as, request, given.audience, local)
assert.equal(claims.client_id, given.account)
await assert.rejects(oauth.validateJwtAccessToken(as, request, given.issuer, local))
works('oauth4webapi verifies')

const keys = jose.createRemoteJWKSet(new URL(as.jwks_uri))
const expected = { issuer: as.issuer, audience: given.audience, typ: 'at+jwt', requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'] }
const { payload, protectedHeader } = await jose.jwtVerify(raw, keys, expected)
assert.equal(payload.sub, given.account)
assert.ok(protectedHeader.kid)
for (const wrong of [{ audience: given.issuer }, { issuer: given.audience }, { typ: 'JWT' }, { currentDate: new Date(Date.now() + 3_600_000) }]) {
  await assert.rejects(jose.jwtVerify(raw, keys, { ...expected, ...wrong }))
}
works('jose verifies')
