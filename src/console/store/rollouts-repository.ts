/** Rollouts as the engine leaves them after each step, together with what is still to be done: nothing is done that is not stored first. */
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { auditEntry, deviceRollout, rolloutRecord, rolloutSnapshot, rolloutStore, rolloutWave, type AuditEntry, type DeviceRollout, type RolloutRecord, type RolloutSnapshot, type RolloutStore, type RolloutWave } from '../../contract/records/rollout.ts';
import { commandMessage, type CommandMessage } from '../../contract/wire/messages.ts';
import { parseColumn } from './row.ts';

/** A command that a device has not answered by moving on. */
export interface OpenCommand {
  readonly rolloutId: string;
  readonly deviceId: string;
  readonly message: Extract<CommandMessage, { kind: 'rollout' }>;
}

/** With its place in the log. */
export type NumberedEntry = AuditEntry & { readonly sequence: number };

export interface RolloutsRepository {
  /** Newest first. */
  ids(): string[];
  load(id: string): RolloutSnapshot;
  saveRollout(record: RolloutRecord, stores: readonly RolloutStore[]): void;
  saveWave(rolloutId: string, wave: RolloutWave): void;
  saveDevice(rolloutId: string, device: DeviceRollout): void;
  /** Once for each effect, however often it is said. */
  addAudit(rolloutId: string, effectId: string, entry: AuditEntry): void;
  /** The newest first. @param before a sequence; null: from the newest on */
  auditBefore(rolloutId: string, before: number | null, limit: number): NumberedEntry[];
  /** The oldest first. @param after a sequence; null: from the oldest on */
  auditAfter(rolloutId: string, after: number | null, limit: number): NumberedEntry[];
  auditCount(rolloutId: string): number;
  /** Waves and devices of a plan that another one takes the place of. */
  dropPlan(rolloutId: string): void;
  /** The newest of a device takes the place of the one before. */
  setCommand(command: OpenCommand): void;
  commands(): OpenCommand[];
  commandsOf(deviceId: string): OpenCommand[];
  dropCommand(rolloutId: string, deviceId: string): void;
}

const rolloutCommand = commandMessage.options[0];

export function createRolloutsRepository(database: DatabaseSync): RolloutsRepository {
  const ids = database.prepare("SELECT id FROM rollouts ORDER BY json_extract(record, '$.createdAtMs') DESC, id");
  const rollout = database.prepare('SELECT record, stores FROM rollouts WHERE id = ?');
  const waves = database.prepare('SELECT record FROM rollout_waves WHERE rollout_id = ? ORDER BY number');
  const devices = database.prepare('SELECT device_id AS deviceId, record FROM rollout_devices WHERE rollout_id = ?');
  const saveRollout = database.prepare('INSERT INTO rollouts (id, record, stores) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record, stores = excluded.stores');
  const saveWave = database.prepare('INSERT INTO rollout_waves (rollout_id, number, record) VALUES (?, ?, ?) ON CONFLICT (rollout_id, number) DO UPDATE SET record = excluded.record');
  const saveDevice = database.prepare('INSERT INTO rollout_devices (rollout_id, device_id, record) VALUES (?, ?, ?) ON CONFLICT (rollout_id, device_id) DO UPDATE SET record = excluded.record');
  const addAudit = database.prepare('INSERT OR IGNORE INTO rollout_audit (rollout_id, effect_id, entry) VALUES (?, ?, ?)');
  const auditBefore = database.prepare('SELECT sequence, entry FROM rollout_audit WHERE rollout_id = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?');
  const auditAfter = database.prepare('SELECT sequence, entry FROM rollout_audit WHERE rollout_id = ? AND sequence > ? ORDER BY sequence LIMIT ?');
  const auditCount = database.prepare('SELECT count(*) AS entries FROM rollout_audit WHERE rollout_id = ?');
  const dropWaves = database.prepare('DELETE FROM rollout_waves WHERE rollout_id = ?');
  const dropDevices = database.prepare('DELETE FROM rollout_devices WHERE rollout_id = ?');
  const setCommand = database.prepare('INSERT INTO rollout_commands (rollout_id, device_id, sequence, message) VALUES (?, ?, ?, ?) ON CONFLICT (rollout_id, device_id) DO UPDATE SET sequence = excluded.sequence, message = excluded.message WHERE excluded.sequence >= rollout_commands.sequence');
  const commands = database.prepare('SELECT rollout_id AS rolloutId, device_id AS deviceId, message FROM rollout_commands');
  const commandsOf = database.prepare('SELECT rollout_id AS rolloutId, device_id AS deviceId, message FROM rollout_commands WHERE device_id = ?');
  const dropCommand = database.prepare('DELETE FROM rollout_commands WHERE rollout_id = ? AND device_id = ?');
  const open = (row: Record<string, unknown>): OpenCommand => ({ rolloutId: String(row['rolloutId']), deviceId: String(row['deviceId']), message: parseColumn(rolloutCommand, row['message'], 'rollout_commands') });
  const numbered = (row: Record<string, unknown>): NumberedEntry => ({ ...parseColumn(auditEntry, row['entry'], 'rollout_audit'), sequence: Number(row['sequence']) });
  return {
    ids: () => ids.all().map((row) => String(row['id'])),
    load(id) {
      const row = rollout.get(id);
      const where = `rollouts ${id}`;
      return rolloutSnapshot.parse({
        rollout: parseColumn(rolloutRecord, row?.['record'], where),
        stores: parseColumn(z.array(rolloutStore), row?.['stores'], where),
        waves: waves.all(id).map((wave) => parseColumn(rolloutWave, wave['record'], where)),
        devices: devices.all(id).map((device) => parseColumn(deviceRollout, device['record'], `${where} ${String(device['deviceId'])}`)),
      });
    },
    saveRollout: (record, stores) => void saveRollout.run(record.id, JSON.stringify(record), JSON.stringify(stores)),
    saveWave: (rolloutId, wave) => void saveWave.run(rolloutId, wave.index, JSON.stringify(wave)),
    saveDevice: (rolloutId, device) => void saveDevice.run(rolloutId, device.deviceId, JSON.stringify(device)),
    addAudit: (rolloutId, effectId, entry) => void addAudit.run(rolloutId, effectId, JSON.stringify(entry)),
    auditBefore: (rolloutId, before, limit) => auditBefore.all(rolloutId, before ?? Number.MAX_SAFE_INTEGER, limit).map(numbered),
    auditAfter: (rolloutId, after, limit) => auditAfter.all(rolloutId, after ?? 0, limit).map(numbered),
    auditCount: (rolloutId) => Number(auditCount.get(rolloutId)?.['entries']),
    dropPlan(rolloutId) {
      dropWaves.run(rolloutId);
      dropDevices.run(rolloutId);
    },
    setCommand: ({ rolloutId, deviceId, message }) => void setCommand.run(rolloutId, deviceId, message.sequence, JSON.stringify(message)),
    commands: () => commands.all().map(open),
    commandsOf: (deviceId) => commandsOf.all(deviceId).map(open),
    dropCommand: (rolloutId, deviceId) => void dropCommand.run(rolloutId, deviceId),
  };
}
