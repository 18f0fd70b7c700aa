/** The page's policy forbids eval, and zod would try it once to see: it is told before the first schema is used. */
import { z } from 'zod';

z.config({ jitless: true });
