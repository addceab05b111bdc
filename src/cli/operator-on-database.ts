import { setTimeout as wait } from 'node:timers/promises'
import { createRotateSigningKey, type Rotation } from '../access-tokens/signing-key-rotation-service.ts'
import { createSigningKeyStore } from '../access-tokens/signing-key-store.ts'
import { createAccountStore } from '../accounts/account-store.ts'
import { createPasswordHasher } from '../accounts/password-hasher.ts'
import { createProvisionAccount } from '../accounts/provisioning-service.ts'
import { createImportUsers, type ImportUsers } from '../accounts/user-import-service.ts'
import { createUserImportStore } from '../accounts/user-import-store.ts'
import { auditKeysOf } from '../audit/audit-key.ts'
import { createChainStore } from '../audit/chain-store.ts'
import { createEventStore } from '../audit/event-store.ts'
import { createSeal } from '../audit/seal-service.ts'
import { createSeenHead } from '../audit/seen-head.ts'
import type { KnownKeys } from '../audit/verification.ts'
import { createCheckHead, createVerifyLog, type VerifyLog } from '../audit/verification-service.ts'
import { createVerificationStore } from '../audit/verification-store.ts'
import type { Config } from '../config.ts'
import { type Db, openDatabase } from '../db/client.ts'
import { createTransact } from '../db/transact.ts'
import { createFillDemo, type FillDemo } from '../demo/demo-service.ts'
import { createDemoStore } from '../demo/demo-store.ts'
import { createKeyRotation, type KeyRotation } from '../keys/key-rotation-service.ts'
import { createKeyUseStore } from '../keys/key-use-store.ts'
import { createSealedColumns } from '../keys/sealed-column-store.ts'
import { systemClock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { createKeyRing, type KeyRing } from '../lib/key-ring.ts'
import { createLogger } from '../lib/logger.ts'
import { type ArchivedErasuresWatch, createArchivedErasures } from '../privacy/archived-erasures-service.ts'
import { createErasedRowsStore } from '../privacy/erased-rows-store.ts'
import { createErasureCompletion } from '../privacy/erasure-completion-service.ts'
import { createRepeatErasure, type Repetition } from '../privacy/erasure-repetition-service.ts'
import { createBury } from '../privacy/erasure-service.ts'
import { createErasureStore, type ErasureStore } from '../privacy/erasure-store.ts'
import { createAfterRestore } from '../restore/restore-service.ts'
import { createRestoreStore } from '../restore/restore-store.ts'
import { createArchiveFileStore } from '../retention/archive-file-store.ts'
import { createArchiveMonth } from '../retention/archive-month-service.ts'
import { type Archives, type ArchivesWatch, archivesTurn, createArchives } from '../retention/archive-service.ts'
import { createAuditArchiveStore } from '../retention/audit-archive-store.ts'
import { createLease, inTurn, purgeTurn } from '../retention/lease-service.ts'
import { createLeaseStore } from '../retention/lease-store.ts'
import { createPurgeNow } from '../retention/purge-now-service.ts'
import { createPurge } from '../retention/purge-service.ts'
import { createRetentionStore } from '../retention/retention-store.ts'
import { createEndSessions } from '../sessions/session-end-service.ts'
import { createOverdueSessions } from '../sessions/session-expiry-service.ts'
import { createSessionStore } from '../sessions/session-store.ts'
import { createStores } from '../stores.ts'

const waitMs = 500
const pollMs = 50
const completionMs = 30_000

/** What an operator may do without signing in: commands work on the database itself. */
export interface Operator {
  readonly provisionAccount: ReturnType<typeof createProvisionAccount>
  readonly importUsers: ImportUsers
  /** Makes the next key for access tokens, sealed by `ring`. */
  readonly rotateSigningKey: (ring: KeyRing, isAtOnce: boolean) => Promise<Rotation>
  /** Seals anew, under the newest of these keys, what is sealed under the others. */
  readonly keyRotation: (keys: Config['keys']) => KeyRotation
  readonly afterRestore: ReturnType<typeof createAfterRestore>
  readonly verifyLog: (keys: KnownKeys) => VerifyLog
  readonly hasAdministrator: () => Promise<boolean>
  /** Fills the database with people and a history, sealed with the newest key. */
  readonly fillDemo: (keys: Config['keys']) => FillDemo
  readonly retention: (sessionRetentionDays: number) => {
    readonly count: ReturnType<typeof createPurge>['count']
    readonly purge: ReturnType<typeof createPurgeNow>
  }
  readonly erasures: {
    /** A page of those who were erased, oldest first. */
    readonly list: ErasureStore['list']
    /** Takes all of them out of the archives in a directory, as soon as nobody else is at it. Returns whether everything went. */
    readonly runArchives: (
      directory: string,
      watch: Omit<ArchivedErasuresWatch, 'mayGoOn'> & { onWaiting(): void },
    ) => Promise<boolean>
    /** Erases one who was erased before. */
    readonly repeat: (keys: Config['keys']) => (id: string) => Promise<Repetition>
  }
  readonly archives: (options: {
    readonly directory: string
    readonly keptMonths: number
    /** What archives are signed for with. */
    readonly keys: Config['keys']
  }) => {
    readonly list: Archives['list']
    /** As soon as nobody else is at it. */
    readonly run: (watch: Omit<ArchivesWatch, 'mayGoOn'> & { onWaiting(): void }) => Promise<boolean>
  }
}

/** What takes erased users out of the archives in a directory. */
const archivedErasuresIn = (directory: string, erasures: ErasureStore) =>
  createArchivedErasures({ erasures, files: createArchiveFileStore(directory), now: systemClock })

/** Runs `work` on the database at `url` and closes the connections after it. `patienceMs` is for what takes longer than a minute. */
export const asOperatorOn = async <T>(
  url: string,
  work: (operator: Operator) => Promise<T>,
  patienceMs?: number,
): Promise<T> => {
  const database = openDatabase(url, { patienceMs })
  try {
    const hasher = await createPasswordHasher()
    const storesOver = (db: Db) => ({
      accounts: createAccountStore(db),
      imports: createUserImportStore(db),
      events: createEventStore(db, systemClock),
      sessions: createSessionStore(db),
      signingKeys: createSigningKeyStore(db),
    })
    const transact = createTransact<ReturnType<typeof storesOver>>(
      (work) => database.transactional.transaction((tx) => work(storesOver(tx))),
      createLogger('warn'),
    )
    const erasures = createErasureStore(database.writing)
    const completion = createErasureCompletion({
      erasures,
      rows: createErasedRowsStore(database.writing),
      pause: () => wait(pollMs),
      now: systemClock,
    })
    const turnToArchive = () =>
      createLease({ leases: createLeaseStore(database.writing), task: archivesTurn, holder: newId() })
    return await work({
      provisionAccount: createProvisionAccount({ transact, hashPassword: hasher.hash, now: systemClock }),
      importUsers: createImportUsers({ transact, now: systemClock }),
      rotateSigningKey: (ring, isAtOnce) => createRotateSigningKey({ transact, ring, now: systemClock })(isAtOnce),
      keyRotation: (keys) =>
        createKeyRotation({
          columns: createSealedColumns(database.patient),
          use: createKeyUseStore(database.patient),
          ring: createKeyRing(keys),
          keys: auditKeysOf(keys).map(({ id }, n) => ({ id: keys[n]?.id ?? '', auditKeyId: id })),
          pause: () => wait(waitMs),
        }),
      afterRestore: createAfterRestore({
        transact: createTransact(
          (work) =>
            database.patient.transaction((tx) =>
              work({ restores: createRestoreStore(tx), events: createEventStore(tx, systemClock) }),
            ),
          createLogger('warn'),
        ),
        now: systemClock,
      }),
      verifyLog: (keys) =>
        createVerifyLog({ store: createVerificationStore(database.patient), keys, seen: createSeenHead() }),
      hasAdministrator: createAccountStore(database.reading).hasAdministrator,
      fillDemo: (keys) =>
        createFillDemo({
          transact: (work) => database.patient.transaction((tx) => work(createDemoStore(tx))),
          hashPassword: hasher.hash,
          seal: () => sealAll(database.writing, keys),
          ring: createKeyRing(keys),
        }),
      retention(sessionRetentionDays) {
        const sessions = createSessionStore(database.reading)
        const purge = createPurge({
          retention: createRetentionStore(database.writing),
          overdueSessions: createOverdueSessions({ transact, sessions, now: systemClock }),
          erasures: completion,
          sessionRetentionDays,
          now: systemClock,
        })
        const leases = createLeaseStore(database.writing)
        const turn = createLease({ leases, task: purgeTurn, holder: newId() })
        return { count: purge.count, purge: createPurgeNow({ purge, turn, pause: () => wait(waitMs) }) }
      },
      archives({ directory, keptMonths, keys }) {
        const store = createAuditArchiveStore(database.archiving)
        const month = createArchiveMonth({
          archives: store,
          log: createVerificationStore(database.patient),
          files: createArchiveFileStore(directory),
          auditKeys: auditKeysOf(keys),
          pause: () => wait(waitMs),
          now: systemClock,
        })
        const archives = createArchives({ archives: store, month, keptMonths, now: systemClock })
        const turn = turnToArchive()
        return {
          list: archives.list,
          run: ({ onWaiting, ...watch }) =>
            inTurn(turn, { pause: () => wait(waitMs), onWaiting }, () =>
              archives.run({ ...watch, mayGoOn: turn.keep }),
            ),
        }
      },
      erasures: {
        list: erasures.list,
        runArchives(directory, { onWaiting, ...watch }) {
          const turn = turnToArchive()
          return inTurn(turn, { pause: () => wait(waitMs), onWaiting }, () =>
            archivedErasuresIn(directory, erasures).runAll({ ...watch, mayGoOn: turn.keep }),
          )
        },
        repeat(keys) {
          const ring = createKeyRing(keys)
          const erasingStoresOver = (db: Db) => createStores(db, ring, systemClock)
          const erase = createTransact<ReturnType<typeof erasingStoresOver>>(
            (work) => database.transactional.transaction((tx) => work(erasingStoresOver(tx))),
            createLogger('warn'),
          )
          const { sessions } = erasingStoresOver(database.writing)
          const bury = createBury({
            endSessions: createEndSessions({ tellEnded: sessions.askToTell, now: systemClock }),
            async buryAccount({ sessionTag }) {
              await sessions.listStaleUser(sessionTag, systemClock())
              await sessions.askToTell()
            },
            async complete(id) {
              await sealAll(database.writing, keys) // no server need be running
              await completion.complete(id, completionMs)
            },
            wakeMailRelay: () => {},
            now: systemClock,
          })
          return createRepeatErasure({ transact: erase, bury })
        },
      },
    })
  } finally {
    await database.close()
  }
}

/** Beside servers that do the same: each event is sealed once. */
const sealAll = async (db: Db, keys: Config['keys']): Promise<void> => {
  const auditKeys = auditKeysOf(keys)
  const seen = createSeenHead()
  const known = new Map(auditKeys.map(({ id, publicKey }) => [id, publicKey]))
  const checkHead = createCheckHead({ store: createVerificationStore(db), keys: known, seen })
  const sealSome = createSeal({ chain: createChainStore(db), checkHead, seen, key: auditKeys[0], now: systemClock })
  while (await sealSome());
}
