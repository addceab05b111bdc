import { afterRestore } from './after-restore.ts'
import { archiveAudit } from './archive-audit.ts'
import type { Command } from './command.ts'
import { createAdmin } from './create-admin.ts'
import { demo } from './demo.ts'
import { erasures } from './erasures.ts'
import { importUsers } from './import-users.ts'
import { migrateCommand } from './migrate.ts'
import { purge } from './purge.ts'
import { rotateKeys } from './rotate-keys.ts'
import { rotateSigningKey } from './rotate-signing-key.ts'
import { verifyAudit } from './verify-audit.ts'

/** Every command of `gatehouse`, by its name. */
export const commands: Readonly<Record<string, Command>> = {
  'after-restore': afterRestore,
  'archive-audit': archiveAudit,
  'create-admin': createAdmin,
  demo,
  erasures,
  'import-users': importUsers,
  migrate: migrateCommand,
  purge,
  'rotate-keys': rotateKeys,
  'rotate-signing-key': rotateSigningKey,
  'verify-audit': verifyAudit,
}
