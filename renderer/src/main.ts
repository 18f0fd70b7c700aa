import './zod-setup.ts';
import '@fontsource-variable/inter/index.css';
import './styles/primitives.css';
import './styles/semantic.css';
import './styles/base.css';
import './styles/pieces.css';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import { i18n } from './i18n.ts';
import { router } from './router.ts';
import App from './shell/App.vue';

createApp(App).use(createPinia()).use(i18n).use(router).mount('#app');
