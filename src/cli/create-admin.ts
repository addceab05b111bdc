import { text } from 'node:stream/consumers'
import { type Command, parseOptions, UsageError } from './command.ts'
import { asOperator } from './operator.ts'

export const createAdmin: Command = {
  summary: 'Opens an account with the role ADMIN.',
  usage: `create-admin --email ADDRESS --password-stdin

  --email ADDRESS     the address to sign in with
  --password-stdin    read the password from standard input (never from an
                      argument, where every user of the machine could see it)

Example: gatehouse create-admin --email ada@example.com --password-stdin < password.txt
Exit code: 0 done, 1 refused or failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { values } = parseOptions({
      args,
      options: { email: { type: 'string' }, 'password-stdin': { type: 'boolean' } },
    })
    if (!values.email) throw new UsageError('--email is missing')
    if (!values['password-stdin']) throw new UsageError('--password-stdin is missing')
    const password = (await text(process.stdin)).replace(/\r?\n$/, '')
    const account = await asOperator(databaseUrl(), (operator) =>
      operator.provisionAccount(values.email as string, password, 'ADMIN'),
    )
    console.log(`${account.email} is an administrator.`)
  },
}
