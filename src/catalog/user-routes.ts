import type { FastifyInstance, FastifyRequest } from 'fastify'
import { httpErrors, textOf, timeI } from '../kernel/http/index.ts'
import type { SnapshotUser } from '../snapshot/index.ts'
import { catalogErrors } from './errors.ts'
import type { CatalogRouteDeps } from './routes.ts'
import { actorOf, addRoute } from './routing.ts'
import {
  addKey,
  addUser,
  changeEmail,
  changePassword,
  changeRole,
  deleteUser,
  keyLabel,
  logIn,
  removeKey,
  requireSelfOrAdministrator,
  userCalled,
} from './users.ts'

/** Users, keys and account (treasure-data/td-client-ruby lib/td/client/api/user.rb, account.rb). */
export function userRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  loginRoute(app, deps)
  userReadRoutes(app, deps)
  userChangeRoutes(app, deps)
  keyRoutes(app, deps)
  accountRoute(app, deps)
}

function loginRoute(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const authenticate = async (request: FastifyRequest) => {
    const user = required(request, 'user')
    const password = required(request, 'password')
    const found = await logIn(deps, { user, password, address: request.ip })
    return { name: found.user.name, apikey: found.apikey }
  }
  addRoute(app, 'POST', '/v3/user/authenticate', authenticate, { public: true })
}

function userReadRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const { reader } = deps
  addRoute(app, 'GET', '/v3/user/show', async (request, reply) => {
    await reader.begin(reply)
    return userBody(await self(deps, request))
  })
  addRoute(app, 'GET', '/v3/user/list', async (request, reply) => {
    await reader.begin(reply)
    return { users: reader.view.listUsers(request.principal.accountId).map(userBody) }
  })
}

function userChangeRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const called = (request: FastifyRequest, name: string) =>
    userCalled(deps.reader, request.principal.accountId, name)

  addRoute(app, 'POST', '/v3/user/add/:name', async (request, _reply, { name }) => {
    const email = required(request, 'email')
    await addUser(deps, actorOf(request), {
      name: name!,
      email,
      password: textOf(request.parameters, 'password'),
    })
    return { name, email }
  })
  addRoute(app, 'POST', '/v3/user/remove/:user', async (request, _reply, { user }) => {
    await deleteUser(deps, actorOf(request), await called(request, user!))
    return { user }
  })
  addRoute(app, 'POST', '/v3/user/email/change/:user', async (request, _reply, { user }) => {
    await changeEmail(deps, actorOf(request), await called(request, user!), required(request, 'email'))
    return {}
  })
  addRoute(app, 'POST', '/v3/user/password/change', async (request) => {
    const oldPassword = required(request, 'old_password')
    const password = required(request, 'password')
    await changePassword(deps, actorOf(request), await self(deps, request), { oldPassword, password })
    return {}
  })
  addRoute(app, 'POST', '/v3/user/password/change/:user', async (request, _reply, { user }) => {
    const password = required(request, 'password')
    await changePassword(deps, actorOf(request), await called(request, user!), { password })
    return {}
  })
  for (const [word, delegated] of [
    ['add', true],
    ['remove', false],
  ] as const) {
    addRoute(app, 'POST', `/v3/user/delegated_admin/${word}/:user`, async (request, _reply, { user }) => {
      const found = await called(request, user!)
      await changeRole(deps, actorOf(request), found, delegated ? 'administrator' : 'member')
      return { user_email: found.email, delegated_admin: delegated }
    })
  }
}

function keyRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const { reader } = deps
  const called = (request: FastifyRequest, name: string) =>
    userCalled(reader, request.principal.accountId, name)

  addRoute(app, 'GET', '/v3/user/apikey/validate', async ({ principal }) => {
    return {
      key_type: principal.keyKind === 'session' ? 'master' : principal.keyKind.replace('-', '_'),
      account_id: Number(principal.accountId),
      user_id: Number(principal.userId),
      administrator: principal.role !== 'member',
    }
  })
  addRoute(app, 'GET', '/v3/user/apikey/list/:user', async (request, reply, { user }) => {
    await reader.begin(reply)
    const found = await called(request, user!)
    requireSelfOrAdministrator(deps, request.principal, found)
    const live = reader.view.listKeys(found.id).filter(({ revoked }) => !revoked)
    return { apikeys: live.map(keyLabel) }
  })
  addRoute(app, 'POST', '/v3/user/apikey/add/:user', async (request, _reply, { user }) => {
    const kind = keyKindOf(textOf(request.parameters, 'type'))
    const name = textOf(request.parameters, 'name') ?? 'apikey/add'
    return { apikey: await addKey(deps, actorOf(request), await called(request, user!), { name, kind }) }
  })
  addRoute(app, 'POST', '/v3/user/apikey/remove/:user', async (request, _reply, { user }) => {
    await removeKey(deps, actorOf(request), await called(request, user!), required(request, 'apikey'))
    return {}
  })
}

function accountRoute(app: FastifyInstance, { reader }: CatalogRouteDeps): void {
  addRoute(app, 'GET', '/v3/account/show', async ({ principal }, reply) => {
    await reader.begin(reply)
    const account = await reader.find(
      (view) => view.findAccount(principal.accountId),
      () => catalogErrors.user_unknown(String(principal.accountId)),
      'the account',
    )
    let bytes = 0n
    for (const { id } of reader.view.listDatabases(account.id)) bytes += reader.view.sumsOf(id).bytes
    return {
      account: {
        id: Number(account.id),
        plan: 0,
        presto_plan: 0,
        storage_size: Number(bytes),
        guaranteed_cores: 1,
        maximum_cores: 2,
        created_at: timeI(new Date(account.createdAt)),
        encrypt_start_at: null,
      },
    }
  })
}

function self({ reader }: CatalogRouteDeps, { principal }: FastifyRequest): Promise<SnapshotUser> {
  return reader.find(
    (view) => view.findUser(principal.userId),
    () => httpErrors.failed_to_login(),
    'the user of this key',
  )
}

function required({ parameters }: FastifyRequest, name: string): string {
  const text = textOf(parameters, name)
  if (text === undefined) throw catalogErrors.parameter_invalid(`parameter ${name} is missing`)
  return text
}

function keyKindOf(type: string | undefined): 'master' | 'write' | 'write-only' {
  const kind = (type ?? 'master').replace('_', '-')
  if (kind === 'master' || kind === 'write' || kind === 'write-only') return kind
  throw catalogErrors.parameter_invalid(`there is no key type '${type}'; use master, write or write_only`)
}

/** Java wants all but phone non-null; Go wants roles as an array. */
function userBody(user: SnapshotUser): Record<string, unknown> {
  const [first = '', ...rest] = user.name.split(' ')
  return {
    id: Number(user.id),
    name: user.name,
    first_name: first,
    last_name: rest.join(' '),
    email: user.email,
    phone: null,
    gravatar_url: '',
    administrator: user.role !== 'member',
    account_owner: user.role === 'owner',
    organization: null,
    roles: [],
    created_at: timeI(new Date(user.createdAt)),
    updated_at: timeI(new Date(user.updatedAt)),
  }
}
