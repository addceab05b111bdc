import type { Config } from '../config.ts'
import { type Command, parseOptions, UsageError } from './command.ts'
import { readErasures } from './erasures-input.ts'
import { givenKeys } from './given-keys.ts'
import { asOperator } from './operator.ts'
import type { Operator } from './operator-on-database.ts'
import { problemOf } from './problem.ts'

export const erasures: Command = {
  summary: 'Lists who was erased, and erases them again in what a backup brought back.',
  usage: `erasures
gatehouse erasures --repeat FILE
gatehouse erasures --archives DIR

Without an option, prints who was erased, a JSON object a line: an id, which names
nobody any more, and when. Keep the newest list where backups are kept, but not in
them.

  --repeat FILE    erases those of such a list who are in the database, as after a
                   restore; nobody is mailed. Needs GATEHOUSE_KEYS, the same that
                   the servers have, and a server that runs for the last of it
  --archives DIR   takes all who were erased out of the personal data of archived
                   months, as servers do once an hour where AUDIT_ARCHIVE_DIR is
                   set: for copies elsewhere. Waits while a server is at it

Each may be repeated, and is safe while servers run.

Example: gatehouse erasures > erased.jsonl
Example: gatehouse erasures --repeat erased.jsonl
Exit code: 0 done, 1 some or all of it failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { values } = parseOptions({ args, options: { repeat: { type: 'string' }, archives: { type: 'string' } } })
    const { repeat: list, archives: directory } = values
    if (list !== undefined && directory !== undefined) throw new UsageError('--repeat and --archives are two commands')
    const keys = list === undefined ? null : givenKeys()
    const ids = list === undefined ? [] : await readErasures(list)
    await asOperator(databaseUrl(), async (operator) => {
      const tell = (what: string, problem: unknown) =>
        console.error(`${what}  ${problemOf(problem, databaseUrl()).text}`)
      if (keys) await repeat(operator, keys, ids, tell)
      else if (directory !== undefined) await takeOut(operator, directory, tell)
      else await print(operator)
    })
  },
}

const pageSize = 1_000

const print = async ({ erasures: { list } }: Operator): Promise<void> => {
  for (let page = await list(null, pageSize); page.length > 0; page = await list(page.at(-1) ?? null, pageSize)) {
    for (const { id, erasedAt } of page) console.log(JSON.stringify({ id, erasedAt }))
  }
}

type Tell = (what: string, problem: unknown) => void

const repeat = async (operator: Operator, keys: Config['keys'], ids: readonly string[], tell: Tell): Promise<void> => {
  const erase = operator.erasures.repeat(keys)
  const counts = { erased: 0, erasedBefore: 0, unknown: 0 }
  for (const id of ids) {
    try {
      counts[await erase(id)]++
    } catch (problem) {
      process.exitCode = 1
      tell(id, problem)
    }
  }
  console.log(
    `${counts.erased} erased, ${counts.erasedBefore} were already, ${counts.unknown} are not in the database.`,
  )
}

const takeOut = async (operator: Operator, directory: string, tell: Tell): Promise<void> => {
  let hasFailed = false
  const isWhole = await operator.erasures.runArchives(directory, {
    onWaiting: () => console.error('A server or another command is at it: waiting until it is through.'),
    onMonth: (month, gone) => console.log(`${month}  personal data of ${gone} events taken out`),
    onProblem(month, problem) {
      hasFailed = true
      tell(month, problem)
    },
  })
  if (hasFailed) process.exitCode = 1
  else if (!isWhole) throw new Error('another one took over; run it again')
}
