/** Short messages at the bottom right. What went well leaves by itself, an error stays until it is closed. */
import { defineStore } from 'pinia';
import { ref } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../src/base/errors.ts';

const STAYS_MS = 5000;

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly error: ErrorRecord | null;
  readonly link: { readonly to: string; readonly label: string } | null;
}

export const useToasts = defineStore('toasts', () => {
  const toasts = ref<Toast[]>([]);
  let ids = 0;

  function add(text: string, error: ErrorRecord | null, link: Toast['link']): void {
    const id = ids++;
    toasts.value = [...toasts.value, { id, text, error, link }].slice(-4);
    if (error === null) setTimeout(() => close(id), STAYS_MS);
  }

  function close(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id);
  }

  return {
    toasts,
    close,
    say: (text: string, link: Toast['link'] = null) => add(text, null, link),
    /** @param what the action that failed, in the reader's words */
    fail(what: string, thrown: unknown) {
      const error = toEdgewiseError(thrown).toRecord();
      if (error.code !== 'CANCELLED') add(what, error, null);
    },
  };
});
