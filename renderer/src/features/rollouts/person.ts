/** In whose name things are done here: a setting, asked for where it is empty. */
import { computed, ref } from 'vue';
import { useSettings } from '../../stores/settings.store.ts';

const typed = ref<string | null>(null);

export function usePerson() {
  const settings = useSettings();
  return {
    /** Empty: nobody has said it yet. */
    name: computed(() => (typed.value ?? settings.settings.personName).trim()),
    /** What stands in the field. */
    text: computed({ get: () => typed.value ?? settings.settings.personName, set: (value: string) => (typed.value = value) }),
    /** Writes a name that was typed into the settings. */
    async keep(): Promise<void> {
      const name = typed.value?.trim() ?? '';
      if (name !== '' && name !== settings.settings.personName) await settings.change({ personName: name });
      typed.value = null;
    },
  };
}
