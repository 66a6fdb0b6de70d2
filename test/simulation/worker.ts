import { check } from './check.ts';
import { serve } from './workers.ts';

serve(check);
