import { createRouter, createWebHashHistory } from 'vue-router';

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', name: 'start', component: () => import('./features/optimize/StartPage.vue') },
    { path: '/optimize', name: 'optimize', component: () => import('./features/optimize/OptimizePage.vue') },
    { path: '/optimize/job/:job', name: 'job', component: () => import('./features/optimize/OptimizePage.vue') },
    { path: '/models/:model?', name: 'models', component: () => import('./features/models/ModelsPage.vue') },
    { path: '/models/:model/graph', name: 'graph', component: () => import('./features/graph/GraphPage.vue') },
    { path: '/fleet/:rest(.*)*', name: 'fleet', component: () => import('./features/fleet/FleetPage.vue') },
    { path: '/rollouts/:rest(.*)*', name: 'rollouts', component: () => import('./features/rollouts/RolloutsPage.vue') },
    { path: '/savings/:rest(.*)*', name: 'savings', component: () => import('./features/savings/SavingsPage.vue') },
    { path: '/settings', name: 'settings', component: () => import('./features/settings/SettingsPage.vue') },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
});
