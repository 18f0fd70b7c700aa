import { createRouter, createWebHashHistory } from 'vue-router';

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', name: 'start', component: () => import('./features/optimize/StartPage.vue') },
    { path: '/optimize', name: 'optimize', component: () => import('./features/optimize/OptimizePage.vue') },
    { path: '/optimize/job/:job', name: 'job', component: () => import('./features/optimize/OptimizePage.vue') },
    { path: '/models/:model?', name: 'models', component: () => import('./features/models/ModelsPage.vue') },
    { path: '/models/:model/graph', name: 'graph', component: () => import('./features/graph/GraphPage.vue') },
    {
      path: '/fleet',
      component: () => import('./features/fleet/FleetPage.vue'),
      children: [
        { path: '', name: 'fleet', component: () => import('./features/fleet/devices/DevicesView.vue') },
        { path: 'stores', name: 'fleet-stores', component: () => import('./features/fleet/stores/StoresView.vue') },
        { path: 'joining', name: 'fleet-joining', component: () => import('./features/fleet/joining/JoiningView.vue') },
      ],
    },
    { path: '/fleet/device/:device', name: 'device', component: () => import('./features/fleet/device/DevicePage.vue') },
    { path: '/fleet/:rest(.*)*', redirect: '/fleet' },
    { path: '/rollouts', name: 'rollouts', component: () => import('./features/rollouts/RolloutsPage.vue') },
    { path: '/rollouts/artifacts', name: 'artifacts', component: () => import('./features/rollouts/artifacts/ArtifactsPage.vue') },
    { path: '/rollouts/new', name: 'new-rollout', component: () => import('./features/rollouts/wizard/WizardPage.vue') },
    { path: '/rollouts/:rollout/edit', name: 'edit-rollout', component: () => import('./features/rollouts/wizard/WizardPage.vue') },
    { path: '/rollouts/:rollout', name: 'rollout', component: () => import('./features/rollouts/board/BoardPage.vue') },
    { path: '/savings/advisor', name: 'advisor', component: () => import('./features/advisor/AdvisorPage.vue') },
    { path: '/savings/:rest(.*)*', name: 'savings', component: () => import('./features/savings/SavingsPage.vue') },
    { path: '/settings', name: 'settings', component: () => import('./features/settings/SettingsPage.vue') },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
});
