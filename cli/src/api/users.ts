import { type Call, path } from './call.ts'
import { quoted } from './schedules.ts'
import type { AccessOfUser, User } from './types.ts'

/** `/v3/user/…`, `/v3/account/…` and the part of access control that concerns databases (rest-api reference §5.12, §5.13). */
export function userCalls(call: Call) {
  return {
    /** A new key of its own for whoever signs in. */
    authenticate: async (user: string, password: string) =>
      (
        await call.write<{ name: string; apikey: string }>({
          does: 'sign in',
          path: '/v3/user/authenticate',
          form: { user, password },
          // A second key is no harm; a lost one can be removed.
          repeat: 'same',
          look: 'millrace apikey:list',
        })
      ).body!,
    self: () => call.json<User>({ does: 'look up the user of this key', path: '/v3/user/show' }),
    validate: () =>
      call.json<{ key_type: string; account_id: number; user_id: number; administrator: boolean }>({
        does: 'check the key',
        path: '/v3/user/apikey/validate',
      }),
    list: async () =>
      (await call.json<{ users: User[] }>({ does: 'list the users', path: '/v3/user/list' })).users,
    add: (name: string, email: string, password: string) =>
      call.write({
        does: `create the user '${name}'`,
        path: path`/v3/user/add/${name}`,
        form: { email, password },
        repeat: 409,
        look: `millrace user:show ${quoted(email)}`,
      }),
    remove: (user: string) =>
      call.write({
        does: `delete the user '${user}'`,
        path: path`/v3/user/remove/${user}`,
        repeat: 404,
        look: 'millrace user:list',
      }),
    changeEmail: (user: string, email: string) =>
      call.write({
        does: `change the e-mail address of '${user}'`,
        path: path`/v3/user/email/change/${user}`,
        form: { email },
        repeat: user.includes('@') ? 404 : 'same',
        look: 'millrace user:list',
      }),
    setAdministrator: (user: string, isOne: boolean) =>
      call.write({
        does: isOne ? `make '${user}' an administrator` : `make '${user}' a member`,
        path: path`/v3/user/delegated_admin/${isOne ? 'add' : 'remove'}/${user}`,
        repeat: 'same',
        look: `millrace user:show ${quoted(user)}`,
      }),
    changeOwnPassword: (old: string, password: string) =>
      call.write({
        does: 'change the password',
        path: '/v3/user/password/change',
        form: { old_password: old, password },
        repeat: 'never',
        look: 'millrace account, with the new password',
      }),
    changePassword: (user: string, password: string) =>
      call.write({
        does: `change the password of '${user}'`,
        path: path`/v3/user/password/change/${user}`,
        form: { password },
        repeat: 'same',
        look: `sign in as ${user}`,
      }),
    keys: async (user: string) =>
      (
        await call.json<{ apikeys: string[] }>({
          does: `list the keys of '${user}'`,
          path: path`/v3/user/apikey/list/${user}`,
        })
      ).apikeys,
    addKey: async (user: string, { type, name }: { type?: string; name?: string }) =>
      (
        await call.write<{ apikey: string }>({
          does: `make a key for '${user}'`,
          path: path`/v3/user/apikey/add/${user}`,
          form: { type: type?.replace('-', '_'), name },
          // Its text is shown once: a repetition would leave one behind that nobody knows.
          repeat: 'never',
          look: `millrace user:apikey:list ${quoted(user)} (remove one that nobody knows)`,
        })
      ).body!.apikey,
    removeKey: (user: string, apikey: string) =>
      call.write({
        does: `remove a key of '${user}'`,
        path: path`/v3/user/apikey/remove/${user}`,
        form: { apikey },
        repeat: 404,
        look: `millrace user:apikey:list ${quoted(user)}`,
      }),
    account: async () =>
      (
        await call.json<{ account: { id: number; storage_size: number; created_at: string } }>({
          does: 'look up the account',
          path: '/v3/account/show',
        })
      ).account,
    access: () =>
      call.json<AccessOfUser[]>({ does: 'list the permissions', path: '/v3/access_control/users' }),
    accessOf: (id: number) =>
      call.json<AccessOfUser>({
        does: 'look up the permissions',
        path: path`/v3/access_control/users/${id}`,
      }),
    /** The list replaces what the user had. */
    setAccess: (id: number, databases: { operation: string; ids: string[] }[], user: string) =>
      call.write<AccessOfUser>({
        does: `change the permissions of '${user}'`,
        method: 'PATCH',
        path: path`/v3/access_control/users/${id}/permissions`,
        json: { Databases: databases },
        repeat: 'same',
        look: `millrace acl:list ${quoted(user)}`,
      }),
  }
}
