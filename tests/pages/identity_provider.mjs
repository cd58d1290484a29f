// The certified identity provider `oidc-provider` (npm) on loopback, with accounts whose name is their group: "ops" is in group ops.
// Arguments: port, redirect URI, folder of node_modules.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [port, redirectUri, modules] = process.argv.slice(2)
const require = createRequire(pathToFileURL(`${modules}/`))
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')))

const issuer = `http://localhost:${port}`
const account = (id) => ({
  accountId: id,
  claims: async () => ({
    sub: id,
    email: `${id}@example.com`,
    email_verified: true,
    groups: id.split('+'),
    realm_access: { roles: id.split('+') },
  }),
})
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'headgate',
      client_secret: 'secret of the client: +&%',
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [new URL('/login', redirectUri).href],
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['groups', 'realm_access'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['for a test'] },
  findAccount: async (_, id) => account(id),
  pkce: { required: () => true },
})
provider.listen(Number(port), 'localhost', () => console.log(`listening on ${issuer}`))
